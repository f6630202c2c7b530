// Package moduletest makes WebAssembly modules for tests, without any toolchain.
//
// It has three layers, each made of the one above:
//
//   - bytes: [Uint], [Int], [Name], [Section], [Custom] and [Preamble], for modules that are wrong on purpose;
//   - a [Module], which puts sections in order and numbers what they declare, with [Code] for bodies;
//   - a [Program], which is a WASI command: its memory, its imports, its constant data and _start.
//
// On top stand the modules that a runner has to survive: [Shapes], which go on until they are killed, and
// bombs, which take as much of something as they get. All shapes and most bombs say [Ready] on stdout first, so
// that a test knows the guest to be where its name says before it does anything to it.
//
// Everything here is for tests: what is asked for wrongly panics, and nothing is checked that the engine checks.
package moduletest
