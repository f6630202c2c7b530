// Command gauge measures the parts of the plugin for WebAssembly beside peers that do the same without it: a native
// program that is started and waited for, wazero in this process, wazero's own command.
//
//	gauge -worker FILE [-plugin FILE] [-short] [NAME...]
//
// It links the packages that tasks use (spawn, pool, compile, cache, wire) and has no host, so that what it
// times is what the plugin adds. It is started by bench, for which it writes tables to standard output, one JSON
// object a line: a head with names of columns, then its rows. docs/performance.md says what they mean.
//
// # Rules
//
//   - Peers take turns with what they are compared with, so that a ratio is of one moment and not of two.
//   - Processor time is told beside wall time, and of each process: neighbours change the one and hardly the other.
//   - Nothing is started in advance while something is timed, except where that is what is measured.
//   - A short run (-short) proves that everything still works; its figures mean nothing.
package main
