// Package pool keeps worker processes ready for attempts.
//
// A [Worker] has loaded one module and runs one guest at a time. It is started in advance, because
// starting takes milliseconds and going takes less than one: whoever takes a worker gets one that waits,
// and another is started in its place.
//
//	Start -> Load -> idle -> Take -> Run -> (exit) -> reaped
//	                          ^------ Return, where attempts may share a process
//
// # Invariants
//
//   - A worker has at most one user, and serves attempts of one lease name only: what a guest might leave
//     behind in its process never meets another task.
//   - A worker is used again only if its last attempt ended by itself, the worker says that it may be, and
//     nobody has killed it, not even too late.
//   - Run returns only when nothing of the attempt is alive: the process has been waited for, or it has
//     said that the guest's instance is gone.
//   - A worker on its way has its image, so that nobody can let go of it in between. None starts after Close,
//     and Close returns when all that were idle or on their way are gone.
//   - Idle workers are bounded in number per image, in memory over all, and in time.
package pool
