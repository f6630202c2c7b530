// Package process runs one command from its start to the death of the last process it left.
//
// An [Engine] is shared by all attempts. [Engine.Run] takes the calling goroutine through one attempt,
// and needs no other: an epoll instance that belongs to the attempt, itself watched by the Go runtime's
// poller, tells of output on both pipes and of the leader's end. A second goroutine exists only while
// an attempt is being stopped.
//
//	spawn -> read both pipes until the leader ends -> kill what it left -> reap it -> drain the pipes
//
// # Invariants
//
//   - An attempt's leader is its own session and process group, in a cgroup leaf of its own where
//     cgroups are to be had. It inherits descriptors 0, 1 and 2 and, as [script] says, sometimes 3.
//   - The leader is waited for after everything it left is dead, so that its pid, which is also the
//     number of its group and session, names nobody else while signals are sent to it.
//   - What was written to the pipes before the tree's death is handed on to the last byte.
//   - When Run returns, nothing of the attempt is alive, in as far as the kill mode can see it: with
//     cgroups everything that did not use root's power to leave its group, else everything but
//     processes that shed session, run id and parents before the attempt's end.
package process
