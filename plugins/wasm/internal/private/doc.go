// Package private keeps files in a directory that belongs to this user alone.
//
// A [Dir] is opened once, checked, and from then on reached through its descriptor: what is done to its
// path later does not matter. Files get into it whole or not at all, by way of a [Draft]. Several
// processes may work in one directory at a time; what says that a file is in use is a lock that the
// kernel lifts when the last descriptor goes, so that a kill leaves nothing locked.
//
// # Invariants
//
//   - The directory and every file that is handed out belong to the effective user, are open to nobody
//     else, and are not reached through a symbolic link.
//   - A name stands for a complete file. Drafts of processes that died are removed by [Dir.Sweep], those
//     of living ones are not.
//   - [Dir.Evict] removes what was used least recently, and never what is in use.
//   - What is found to be wrong is moved away, not executed and not deleted at once: the last few such
//     files are kept for whoever wants to know what happened.
//
// It trusts the user that it runs as, root, and the directories above: keeping those safe is the task
// of who owns them.
package private
