// Package workload is what a submitter writes below spec.workload.spec for kind Wasm: its JSON Schema,
// which the host checks at submission, and the same rules once more in code, because a plugin trusts
// nobody, with those that a schema cannot tell.
//
// What is left out has a default that grants nothing: no files, no variables, no sockets. Clock and
// random numbers are the real ones, since a guest that is given false ones without being told makes keys
// that can be guessed.
package workload
