// Command bench measures solti-host beside peers in the same run and prints ratios, because machines
// differ and neighbours make noise. Each measurement starts the built binaries on a state directory
// of its own and talks to them as a client would.
//
//	bench [-bin DIR] [-short] [-json FILE] [-profile DIR] [throughput] [latency] [output] [state] [idle] [wasm]
//
// docs/performance.md says what the figures mean and keeps those of the last release.
package main
