// Package runner offers WebAssembly to the host: it turns workloads of kind Wasm into images and jobs, has
// workers run them, and how these end into the results of package sdk.
//
// The plugin's own process never looks inside a module. It reads what people wrote, moves files and
// bytes, and kills.
//
// # Outcomes
//
// What the plugin did itself goes before what a worker says: a guest may exit with any number. A trap is
// final, since the same module with the same input traps again, unless the task's restart policy is the
// author's own business and says otherwise; running out of memory is final for the same reason.
package runner
