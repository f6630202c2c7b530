// Package discovery finds runner plugins: the executables called solti-runner-NAME in one directory.
//
// It reads, and starts nothing. Every file with such a name is either accepted, with the SHA-256 of
// its bytes, or rejected with the reason and what would mend it; no bad file hides another. All
// other names, dotfiles, backups and directories among them, are passed over.
//
// # What makes a file safe
//
// Whoever can write a plugin, or replace it, can act as the host. Therefore the file, its directory
// and every directory above must belong to root or to the host's user, and must not be writable for
// group or others. The one exception is an ancestor with the sticky bit, such as /tmp: there nobody
// can replace what belongs to somebody else, and what lies below it is checked like everything. The
// plugins directory itself gets no such exception, since others could put files there. Symlinks are
// followed where their owner is as trustworthy, and a link in the directory may only lead to another
// file of it.
//
// # Invariants
//
//   - The order of what is accepted depends on the names and the configured order alone.
//   - A rejected file has been opened for reading at most, and never when its mode was unsafe.
package discovery
