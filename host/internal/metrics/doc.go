// Package metrics counts what the host does, for Prometheus.
//
// Everything about tasks comes from committed records, so that no number is lost and none is counted
// twice; what is not about tasks comes from the observers of other packages. Labels come from closed
// sets: states, outcomes, methods, and the names of runners, of which there are as many as plugins.
// Never a task, a slot or a path with a name in it.
//
// Names are those of the solti crates where the meaning is the same. docs/operations.md has the table.
package metrics
