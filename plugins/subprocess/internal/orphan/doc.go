// Package orphan finds and ends what attempts leave behind.
//
// A process whose parent dies goes to the nearest ancestor that has asked for such orphans, and a
// [Reaper] makes its process that ancestor. So whatever an attempt starts, however often it forks and
// whatever session it makes, ends up as a child of this process the moment its parents are dead, and
// can be seen, killed and reaped.
//
// Whose an orphan is, is told by its session, which is the leader's pid unless it made one of its own;
// else by the run id in its environment; and if it shed both, nobody knows: it is killed when every
// attempt that was alive when it was found has ended.
//
// # Invariants
//
//   - Only pids that the kernel lists as children of the main thread, outside this process's session,
//     and that no attempt leads, are ever waited for or killed. It never waits for any child, so that
//     os/exec keeps its own.
//   - The main thread starts no processes: main locks itself to it. Orphans go to the main thread, and
//     so its list of children is the list of orphans.
//   - A pid is not reused as long as it is in that list, because only the Reaper takes it off.
//
// A process that forks into new sessions faster than it can be found may outrun it; where there is a
// cgroup, that is what ends it, and the Reaper is the second net.
package orphan
