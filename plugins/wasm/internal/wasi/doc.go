// Package wasi is the host's side of WASI preview 1.
//
// It is complete, and not built on the engine's own: that one keeps descriptors where nobody else reaches
// them, knows neither ENOSPC nor EMFILE, cannot poll sockets, and is asked for file systems by path. Here one
// table of descriptors stands behind all functions, files are [fsys] Nodes, and what a guest may see of time
// and chance is chosen for each job.
//
// A [Host] is instantiated once for a runtime; [Host.Begin] gives it the job whose guest calls it next, and
// [Host.End] closes what that guest left open. A call is a table look-up and, mostly, one system call. Blocking
// calls block the thread: whoever wants to stop a guest kills the process.
//
// # Where preview 1 leaves it open
//
//   - Rights are those of the file, not those that path_open was asked for, except that reading and writing
//     have to be asked for. fd_fdstat_set_rights takes rights away, and then they are missed: ENOTCAPABLE.
//   - Output is no terminal: the type of stdout and stderr is unknown, as with a pipe.
//   - What leads out of a directory is EPERM.
//   - proc_raise is ENOTSUP: nothing here has signals.
//
// # Invariants
//
//   - Nothing a guest passes makes a call panic; addresses outside of its memory are EFAULT.
//   - A Host serves one guest at a time and belongs to one goroutine.
package wasi
