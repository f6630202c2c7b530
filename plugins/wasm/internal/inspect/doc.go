// Package inspect tells people what is in a module, and whether the runner would take it.
//
//	flags, file -> Look -> child of package compile -> Report -> text or JSON
//
// It goes by the same rules as an attempt: the operator's settings, and what a task asks for, which flags
// stand for. The file may be hostile: this process does no more with it than to copy and to hash it; what
// reads it is a child under limits.
//
// # Invariants
//
//   - A module that is refused is still told whole, with all reasons, as far as it can be read.
//   - Without compiling, nothing is said of whether its code is valid; the report says so.
//   - What a module calls itself and its parts is not believed to be text: a terminal gets it quoted.
package inspect
