//go:build unix

package process

import (
	"os"
	"os/signal"
	"syscall"
)

// resetSignals makes sure that tasks start with default signal handling. What a process ignores, its
// children ignore too, and a shell cannot undo that; what it handles, they have at its default. So the
// signals that this process ignores are handled, by nobody, with the same effect on itself.
func resetSignals() {
	nobody := make(chan os.Signal, 1)
	for sig := syscall.Signal(1); sig < 32; sig++ {
		if signal.Ignored(sig) {
			signal.Notify(nobody, sig)
		}
	}
}
