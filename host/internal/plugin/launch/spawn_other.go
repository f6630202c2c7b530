//go:build !linux

package launch

import (
	"os"
	"syscall"
)

func setCgroup(*syscall.SysProcAttr, int) {}

// awaitExit waits until the process has ended, and reaps it.
func awaitExit(p *os.Process) *os.ProcessState {
	state, _ := p.Wait()
	return state
}
