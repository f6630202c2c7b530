// Package metrics counts what the runner does, for Prometheus.
//
// A [Metrics] has a registry of its own, which the SDK hands to the host when somebody asks. What happens once
// in an attempt, a compilation or the life of a worker is counted as it happens; what others count anyway, such
// as the cache and the pool, is read when it is asked for. Output is counted by an atomic addition for each
// piece that is handed on, and nothing here takes a lock on its way.
//
// What a worker says of itself is its word: a guest that broke out could forge it. It is cut to what is possible,
// so that no counter jumps beyond what the plugin has seen itself in time, and pages beyond what there can be.
//
// Labels come from closed sets. docs/wasm.md has the table.
package metrics
