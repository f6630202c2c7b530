// Package workerbin brings the binary that workers and compiling children are started from.
//
// The plugin is linked with the SDK and what that needs, of which a worker uses nothing, and pays for it with
// every start and in every process. So a release has a second binary inside, made of cmd below, which has
// the three hidden modes and nothing else. It is copied once into sealed memory and started from there: no
// file of it lies about, it cannot be exchanged, and an update of the plugin does not touch what runs.
//
//	make build -> cmd, built -> -overlay -> worker, embedded -> sealed memory -> probe -> spawner
//
// The file worker in this directory is empty. The Makefile builds cmd and lets the Go command take the result
// in place of that file, so that a plain go build, vet and test need no step before. What they make has
// an empty worker inside, and starts children from the plugin's own binary, which has the same modes.
//
// # Invariants
//
//   - All children of a spawner are of one binary. Native code belongs to that binary: [spawn.Spawner.Path]
//     is what its build is read from.
//   - What is in the plugin was tried before it is used. A system that forbids programs in memory costs
//     memory and time, and no task.
package workerbin
