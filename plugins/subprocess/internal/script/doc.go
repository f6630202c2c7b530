// Package script gives a script's body to an interpreter without a file that anybody else can find,
// read or change.
//
// A [File] is fresh per attempt. On Linux it is sealed memory; elsewhere an unlinked temporary file,
// mode 0600. It is released with [File.Close], and by the kernel if the process dies before.
//
// Linux offers two names for it. Where the plugin's own descriptors may be looked at by a process of
// the same user, [File.Path] names the plugin's descriptor, the task inherits nothing, and its
// descriptors are exactly 0, 1 and 2. Where not, because the plugin is not dumpable, the task inherits
// descriptor 3, read-only, and its children do too: no interpreter closes what it did not open.
package script
