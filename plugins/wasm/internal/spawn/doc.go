// Package spawn starts hidden modes of our own binary, or of another that it is given, as child processes,
// and makes sure of their end.
//
// A [Spawner] forks on threads that live as long as it does, because a parent-death signal is tied to
// the thread that forked. A [Process] is one child. Its limits are in force before Start returns, so
// that what the caller sends it afterwards meets a child that is confined; what a mode must not do
// without limits, it does after it has heard from its parent.
//
//	Start -> fork, limits -> caller speaks over the descriptors it passed -> Done -> Exit
//
// # Invariants
//
//   - A child dies with this process, and with the spawner.
//   - A child leads a process group of its own and has standard input and output at /dev/null, standard
//     error at a pipe of ours, the descriptors that it was given from 3 on, and nothing else.
//   - Its environment is what the caller says. Nothing of ours is passed on.
//   - [Process.Kill] never blocks, and never hits another process: it sends signals only as long as the
//     child has not been waited for, and so its number is nobody else's.
//   - Exactly one goroutine waits for a child. [Process.Done] is closed when the child is gone from the
//     process table; nothing of ours waits for that without a way out.
//   - Standard error is read as fast as it is written, and of it the first 2 KiB and the last 6 KiB are
//     kept: where a Go program says why it dies, and where everything else does.
package spawn
