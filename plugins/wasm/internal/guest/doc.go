// Package guest runs WebAssembly modules. It is the inside of a worker: one process, one module, one guest
// at a time.
//
// [Load] makes a module ready, mostly from native code that was compiled elsewhere; [Module.Run] takes one
// guest from its instantiation to its end and says how that was.
//
// What is loaded with native code may be a module's shell, for which see the package module: the engine reads and
// validates what it is given, and the code was made from bodies that were validated then. Nothing looks at bodies
// afterwards: what traps say of functions and lines comes from other sections and from what is kept with the code.
//
// The engine's own means to stop a guest are off, for they cost more than they give: a guest is stopped by
// killing the process.
//
// # Memory
//
// A guest's linear memory is not of the Go heap but a mapping of its own, reserved to its ceiling and made
// accessible as it grows. Beyond the ceiling, or when the kernel's limit on data is reached, growth fails as
// WebAssembly says, and the guest goes on. The mapping is kept for the next guest, its pages are not.
//
// # Invariants
//
//   - A shell is executed as the native code that was given with it, or not at all: it is neither interpreted nor
//     compiled and run, whatever became of the code. That is a [ShellError], which Load returns before there is
//     anything to run.
//   - No Go stack and no text of the engine's own reaches a trap's message.
//   - A panic of a host function is the worker's failure and not the guest's: it goes on as a panic.
package guest
