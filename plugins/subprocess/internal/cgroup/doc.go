// Package cgroup keeps a pool of cgroup v2 leaves, so that an attempt gets a group of its own without
// making or removing a directory.
//
// A [Leaf] is a directory below the one that the host delegates. A process is cloned straight into it,
// whatever it starts stays in it, and nothing but root can leave it. Two open files tell and end all
// that is in a leaf: cgroup.events says whether a process is left, cgroup.kill kills them all at once,
// fork bombs and frozen processes included.
//
// # Invariants
//
//   - A leaf is used by one attempt at a time and goes back to the pool only when it is empty
//     and was never killed.
//   - A leaf holds no groups of its own: cgroup.max.depth is 0.
//   - Leaves are made when all others are in use, and removed when the pool is closed.
package cgroup
