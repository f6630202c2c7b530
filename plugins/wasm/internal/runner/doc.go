// Package runner offers WebAssembly to the host: it turns workloads of kind Wasm into images and jobs, has
// workers run them, and how these end into the results of package sdk.
//
// The plugin's own process never looks inside a module. It reads what people wrote, moves files and
// bytes, and kills.
//
// # Outcomes
//
// What the plugin did itself goes before what a worker says: a guest may exit with any number. A trap is
// final, whatever the task's restart policy, since the same module with the same input traps again; running
// out of memory is final for the same reason, but not a kill by the kernel for want of memory, which depends
// on what else runs.
// A worker that breaks before it has called its guest says nothing about the guest: a fresh one takes
// its place, once, within the same attempt.
//
// # Invariants
//
//   - Workers are shared by attempts of one built task only, and only as long as its mounts are the same
//     directories, whatever leads to them.
//   - When Run has returned, no process is left that had anything of the attempt, but one that waits for the
//     task's next.
//   - A context that ends, ends the attempt in every phase: copying, compiling, waiting for a turn, loading,
//     running, and handing on output.
//   - What a task may do was decided when it was built, by the settings of that moment, and is checked again
//     where names can mean something else by now.
package runner
