package process

import (
	"golang.org/x/sys/unix"

	"github.com/soltihq/solti-host/plugins/subprocess/internal/orphan"
)

// bootTicks returns the time since boot in the unit in which the kernel tells start times.
func bootTicks() uint64 {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &now); err != nil {
		return 0
	}
	const perSecond = 100 // USER_HZ on all architectures that Go knows
	return uint64(now.Nano()) / (1e9 / perSecond)
}

// startTicks returns when a process was started that did not run before the time given. If the clock
// has not moved on since, that was it; only else the kernel is asked.
func startTicks(pid int, before uint64) uint64 {
	if before != 0 && bootTicks() == before {
		return before
	}
	start, err := orphan.StartTime(pid)
	if err != nil {
		return 0
	}
	return start
}
