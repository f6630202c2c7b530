// Package content keeps modules by the digest of their bytes.
//
// A [Store] is a directory with one file per module, named by its SHA-256. Modules come from files,
// from readers and from OCI image layouts; whoever wants one says which digest it must have, or is told
// which it has. Nothing about where a module came from is kept.
//
// # Invariants
//
//   - A file of the store holds what its name says: it is hashed while it is copied, and hashed again the
//     first time that a process hands it out, and whenever it is no longer the very file that was hashed.
//   - A source file is opened once, without following a link in its last element, and only regular files
//     are read. What is hashed is what is copied, so a source that changes meanwhile harms nobody.
//   - A put that was killed leaves nothing that can be taken for a module.
//   - Modules that are in use, by this process or by any it passed a descriptor to, are not evicted.
//   - Of a foreign archive or layout nothing is believed: sizes, digests, media types, names and nesting
//     are checked and bounded before they are acted upon.
package content
