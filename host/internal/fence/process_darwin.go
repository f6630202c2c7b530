package fence

import (
	"errors"
	"fmt"
	"syscall"

	"golang.org/x/sys/unix"
)

// Processes returns all processes.
func Processes() ([]Process, error) {
	rows, err := unix.SysctlKinfoProcSlice("kern.proc.all")
	if err != nil {
		return nil, err
	}
	all := make([]Process, 0, len(rows))
	for i := range rows {
		all = append(all, fromKinfo(&rows[i]))
	}
	return all, nil
}

func look(pid int) (Process, error) {
	row, err := unix.SysctlKinfoProc("kern.proc.pid", pid)
	if err != nil {
		return Process{}, fmt.Errorf("process %d: %w", pid, ErrGone)
	}
	return fromKinfo(row), nil
}

// szomb is the kernel's state of a process that is dead and not reaped.
const szomb = 5

func fromKinfo(row *unix.KinfoProc) Process {
	p := Process{
		PID: int(row.Proc.P_pid), Parent: int(row.Eproc.Ppid), Group: int(row.Eproc.Pgid), State: 'R',
		Start: uint64(row.Proc.P_starttime.Sec)*1e6 + uint64(row.Proc.P_starttime.Usec),
	}
	if row.Proc.P_stat == szomb {
		p.State = 'Z'
	}
	if sid, err := unix.Getsid(p.PID); err == nil {
		p.Session = sid
	}
	return p
}

// environ returns arguments and environment, separated by zero bytes.
func environ(pid int) []byte {
	b, err := unix.SysctlRaw("kern.procargs2", pid)
	if err != nil {
		return nil
	}
	return b
}

func bootID() (string, error) { return unix.Sysctl("kern.bootsessionuuid") }

func signalExactly(pid int, start uint64, sig syscall.Signal) error {
	p, err := look(pid)
	if err != nil || p.Start != start {
		return fmt.Errorf("process %d: %w", pid, ErrGone)
	}
	if err := syscall.Kill(pid, sig); errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("process %d: %w", pid, ErrGone)
	} else if err != nil {
		return err
	}
	return nil
}

// Holders returns nothing: the system tells no stranger which files a process has open.
func Holders(string) ([]Process, error) { return nil, nil }
