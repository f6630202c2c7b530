//go:build race

package worker_test

// raceEnabled says that the binary is larger and slower than it will be.
const raceEnabled = true
