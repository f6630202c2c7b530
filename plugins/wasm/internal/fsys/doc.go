// Package fsys is what a guest sees of the host's files: some directories, and nothing beside them.
//
// A [Tree] holds the mounts of one job and a [Node] each file or directory that the guest has open. Every
// operation starts at a Node and goes by descriptors, never by a path of the host. The kernel itself resolves
// paths beneath the Node (openat2 with RESOLVE_BENEATH and RESOLVE_NO_MAGICLINKS), so that neither "..", nor
// an absolute path, nor a link that is found or planted, nor a rename at the wrong moment leads out of it.
// Where an operation acts on a name and not on what it stands for, the directory of the name is opened beneath
// the Node, and the operation gets that descriptor and one component.
//
// Links inside a mount that stay inside are followed. A Node that is a directory is a boundary too: a path
// given to it does not lead to its parent.
//
// # Quotas
//
// A mount's quota is how many bytes the job may add to it: the growth of files, their size and not their
// blocks, and [NameCost] for each name. What the job removes is given back, of a file that is still open when
// it is closed. Jobs that share a directory have a quota each. Beyond it writing fails with ENOSPC. The
// number of open Nodes is bounded for the whole Tree, EMFILE.
//
// # Invariants
//
//   - Nothing but regular files and directories is ever opened: no device, fifo or socket.
//   - In a mount that is not writable nothing changes: EROFS.
//   - A guest makes symbolic and hard links only in mounts with Links, for programs of the host might follow
//     them: EPERM.
//   - Every error is a syscall.Errno. What is refused because it was not granted is counted.
//   - A Tree belongs to one goroutine.
package fsys
