package fence

import (
	"errors"
	"fmt"
	"syscall"
)

// An Ident names a process for all time, across reuse of its number and reboots. Its zero value
// names none.
type Ident struct {
	PID   int    `json:"pid"`
	Start uint64 `json:"start"` // when it was started, in the system's own unit
	Boot  string `json:"boot"`  // of the system's boot
}

// ErrGone says that a process does not exist any more.
var ErrGone = errors.New("the process is gone")

// Identify returns the identity of the process that has the number pid now, or an error that wraps
// ErrGone.
func Identify(pid int) (Ident, error) {
	boot, err := bootID()
	if err != nil {
		return Ident{}, err
	}
	p, err := look(pid)
	if err != nil {
		return Ident{}, err
	}
	return Ident{PID: pid, Start: p.Start, Boot: boot}, nil
}

// Alive reports whether the process exists and is more than a zombie.
func (i Ident) Alive() bool {
	now, err := bootID()
	if i.PID <= 0 || err != nil || now != i.Boot {
		return false
	}
	p, err := look(i.PID)
	return err == nil && p.Start == i.Start && !p.Dead()
}

// Kill sends a signal to exactly this process. If it is gone, the error wraps ErrGone.
func (i Ident) Kill(sig syscall.Signal) error {
	if !i.Alive() {
		return fmt.Errorf("process %d: %w", i.PID, ErrGone)
	}
	return signalExactly(i.PID, i.Start, sig)
}
