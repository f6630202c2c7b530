// Package doctor tells people whether a machine has what the runner wants, by trying it.
//
//	settings -> findings, one for each thing that the runner asks of a kernel -> text or JSON
//
// What it finds holds for the process that it is: a service or a container may be confined more than a shell
// on the same machine, so it has to be asked there.
//
// # Invariants
//
//   - Nothing is concluded from a version: what can be tried is tried, with the code that tasks use.
//   - Whatever is not good comes with what that means for tasks, and what to do about it.
//   - The trial keeps nothing, and touches no state of a host.
package doctor
