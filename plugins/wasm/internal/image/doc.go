// Package image turns what a task says of its module into what a worker loads.
//
//	module -> content store -> signature -> checked: admitted, normalised -> compiled -> image
//
// Everything that was made once is found again: bytes by digest in the content store, which bytes a module
// was normalised to in a note of the cache, native code in the cache. Images that are in use or were a
// moment ago are in memory, and shared.
//
// # Invariants
//
//   - An image is made once, however many wait for it, and is given up when nobody does.
//   - A check never waits for a compilation. What it makes is what is looked up in the cache, so that the same bytes are
//     compiled once, under whatever rules they were admitted; and it is what is interpreted meanwhile.
//   - An image's files are sealed: every worker of it runs the same bytes.
//   - An image with native code has the shell that came with that code, and the module itself for workers that cannot
//     do with the shell. One without code has no shell.
//   - What is run was admitted under the rules of its task, by this build.
//   - Where the system forbids native code, nothing is compiled, and modules are interpreted.
//   - A module that cannot be run is a *[RefusedError]; anything else may go better next time.
package image
