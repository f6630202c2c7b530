package worker

import (
	"fmt"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A cpuTimer lets the kernel end the process when it has used some processor time. The Go runtime would
// ignore the signal, so its handler is taken away.
type cpuTimer struct {
	id int32
	on bool
}

// sigevent is the kernel's struct: a signal for a timer.
type sigevent struct {
	value  uint64
	signal int32
	notify int32
	_      [48]byte
}

type itimerspec struct{ interval, value unix.Timespec }

func newCPUTimer() (cpuTimer, error) {
	var t cpuTimer
	var byDefault [4]uint64 // the kernel's struct sigaction with SIG_DFL
	_, _, errno := unix.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(unix.SIGXCPU), uintptr(unsafe.Pointer(&byDefault)), 0, 8, 0, 0)
	if errno != 0 {
		return t, fmt.Errorf("reset SIGXCPU: %w", errno)
	}
	event := sigevent{signal: int32(unix.SIGXCPU)}
	_, _, errno = unix.RawSyscall(unix.SYS_TIMER_CREATE, unix.CLOCK_PROCESS_CPUTIME_ID,
		uintptr(unsafe.Pointer(&event)), uintptr(unsafe.Pointer(&t.id)))
	if errno != 0 {
		return t, fmt.Errorf("make a timer of processor time: %w", errno)
	}
	return t, nil
}

// start ends the process after some processor time, never for zero.
func (t *cpuTimer) start(limit time.Duration) error {
	if limit <= 0 {
		return nil
	}
	t.on = true
	return t.set(itimerspec{value: unix.NsecToTimespec(int64(limit))})
}

func (t *cpuTimer) stop() {
	if t.on {
		t.on = false
		_ = t.set(itimerspec{})
	}
}

func (t cpuTimer) set(spec itimerspec) error {
	_, _, errno := unix.RawSyscall6(unix.SYS_TIMER_SETTIME, uintptr(t.id), 0, uintptr(unsafe.Pointer(&spec)), 0, 0, 0)
	if errno != 0 {
		return fmt.Errorf("set the timer of processor time: %w", errno)
	}
	return nil
}
