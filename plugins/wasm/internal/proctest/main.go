package proctest

import (
	"os"
	"syscall"
	"testing"

	"go.uber.org/goleak"
)

// Modes are what a test binary can be instead of running tests, by its first argument. Each finds the other
// arguments from os.Args[2] on, and returns the exit code.
type Modes map[string]func() int

// Main is what TestMain does: it serves as a child if the arguments ask for a mode, and else runs the tests and
// wants every goroutine to have ended with them.
func Main(m *testing.M, modes Modes) {
	if len(os.Args) > 1 {
		if mode := modes[os.Args[1]]; mode != nil {
			syscall.Exit(mode()) // the race detector sleeps for a second in os.Exit
		}
	}
	goleak.VerifyTestMain(m)
}
