//go:build race

package runner

// raced says that the race detector is on: processes need gigabytes of data for it.
const raced = true
