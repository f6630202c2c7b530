// Package cache keeps native code, and hands it out only if it is what was put in.
//
// wazero executes what it finds in its cache directory, guarded by a checksum that anybody can compute. So
// that directory is never on disk. A [Cache] has files of its own, one per key, each with an
// HMAC-SHA-256 over its key and content under a secret of the host's; [Cache.Get] copies one into sealed
// memory while it computes the code, and gives away that memory. Workers see it under the name that
// wazero expects, through a link to the descriptor they were passed.
//
// With the code goes the module's shell, for which see the package module: a worker that has the code needs no more
// of the module. It is another file for wazero, which looks for the code under another name then, so each has its
// name. A shell without its code, or with another's, would be a module that does something else: both are in one
// file, under one authentication.
//
// What is worth remembering about a module besides its code, such as which bytes it was normalised to, is a
// note: some bytes by key, under the same protection.
//
// # Invariants
//
//   - The bytes that an [Entry] holds are those the code was computed over, and nobody can change them
//     any more: there is no moment between check and use.
//   - Code is found only under the key that it was put under: the key is part of what is authenticated, so
//     that a file under another's name is as bad as one that was changed.
//   - An entry's shell is the one that was put with its code. There is no other way to come by a shell.
//   - A file of a former format is as good as none. Whatever else is wrong with a file, it is moved away, counted, and
//     answered with [ErrMiss], so that the caller compiles again. Only a lack of memory or descriptors is an error.
//   - A disk that is full or broken costs the next process a compilation, never this one its work.
//   - Several processes may share a directory: files are replaced and removed whole.
//
// It does not protect against who can read the secret, or write to the memory of this process.
package cache
