//go:build race

package proctest

// Raced says whether the race detector is on.
const Raced = true
