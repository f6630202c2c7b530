// Package workload is what a submitter writes below spec.workload.spec for kind Subprocess: its JSON
// Schema, which the host checks at submission, and the same rules once more in code, because a plugin
// trusts nobody, with those that a schema cannot tell.
package workload
