// Package worker is the process in which guests run. [Main] is all of it: it takes a module over descriptor
// 3, says that it is ready, and runs one job after the other until the plugin closes the socket or kills it.
//
// With native code comes the module's shell, which is loaded in its place because that takes less than half of the
// time. If it cannot be, the worker loads the module itself and tells the plugin why.
//
// # What it forbids itself
//
// Before the first guest: new privileges, core dumps, more descriptors than it needs, more memory than the
// guest's limit and what the engine takes. Then files, and what else package fence knows of, by the
// kernel's Landlock: all, if the plugin promises that there will be no mounts; otherwise, with the first job,
// all but its mounts. Processor time is measured by the kernel for each job, and ends the process with
// SIGXCPU.
//
// # Invariants
//
//   - Limits are those of the whole module, whether it is loaded by its shell or not.
//   - A Status is sent after the last byte of output.
//   - A failure of the worker's own ends the process with text on stderr and without a Status.
//   - What a guest had open is closed before its Status.
package worker
