// The runner plugin for WebAssembly: kind Wasm of solti.io/v1. docs/wasm.md tells submitters and operators what it does.
//
// One binary is several processes. Started by the host it is the plugin, which never looks inside a module and runs no
// guest; it starts children that do, from the binary that it has inside (package workerbin), and is told by their
// end what came of it. Started by people it answers, with a mode as its first argument.
//
//	host ── plugin ──┬── check, compile   one module, under limits     (compile)
//	                 └── worker           one guest at a time          (worker)
//	people ── inspect, doctor                                          (inspect, doctor)
//
// A task goes through these packages, each of which knows only those below it:
//
//	runner     workloads in, results out
//	image      module -> content (bytes by digest), compile, cache (native code) -> what a worker loads
//	pool       which worker runs a job, and when it is used again
//	wire       how plugin and worker speak: a socket, and a ring for output
//	spawn      starting children, under limits, from threads that live as long as the plugin
//
// In a worker: worker takes jobs, guest has the engine run them, wasi is all that a guest can call, fsys all the files
// that it can reach, and fence the kernel's walls behind both.
package main
