// Package compile inspects, normalises and compiles modules, in a child process that can be killed.
//
// A module is hostile: a small one can make a compiler work for minutes, or take gigabytes, and the
// compiler looks at nobody meanwhile. So a [Compiler] has a child of our own binary do it, one module
// each, under limits of processor time, memory, file size and wall time, and believes of it only what it has
// left when it is dead.
//
//	Compile -> place -> child: inspect, admit, normalise, compile -> death -> seal, hash, open -> Result
//
// A check is the same without compiling. Checks take time with the length of a module, so they have places and strict
// limits of their own, and what a check has made can be compiled as it is. How long a compilation takes, nobody knows
// before: it is begun in a quick place if no other is free and the module is small, and if it is not done there soon
// it is ended, and begun again in an ordinary place.
//
// With native code comes a shell, which [module.Shell] makes: in its place a worker has the engine look for the code
// without reading what the functions do, which the code was made from. The engine looks under a name that it makes
// up of the module and of how it is set up. To learn that name, the child has it compile the shell as well; what it
// makes of it is thrown away.
//
// The child gets the module, a request, three files in memory for what it makes, and an empty directory for what
// the engine makes. It begins when its parent has set its limits, and gives up all other files before it looks at
// the module.
//
// # Invariants
//
//   - This process never parses or compiles a module.
//   - A [Result] is what a child left that ended by itself and well. It is read only when the child is
//     dead, and cannot be changed any more.
//   - A result's native code and shell are of the same module, which is the one of its digest.
//   - Whatever a module does to the child, the caller gets one of: a [RefusedError], which will always be
//     so; a [LimitError]; a [CrashError]; the cause of its own context.
//   - Callers with the same key share one child. It is killed when none of them waits any more, or loses its turn.
//   - No check waits for a compilation, and a small module waits for a large one only as long as the quick place is
//     taken. Everybody's turn comes: of every few one is for whoever waits longest.
//   - No more wait than is allowed; the next one gets a [QueueError].
//   - Nothing is left on disk but by a kill of this process, and that is removed by the next one.
package compile
