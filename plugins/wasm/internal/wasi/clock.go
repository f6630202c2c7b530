package wasi

import "time"

// A Clock is what a guest may know of the time.
type Clock uint8

// The clocks.
const (
	ClockReal   Clock = iota // to the microsecond
	ClockCoarse              // to the millisecond
	ClockNone                // of its own: begins at a fixed moment, goes on by a step with each reading, and in sleeps
)

// Identifiers of preview 1. The clocks of processor time are not offered.
const (
	clockRealtime  = 0
	clockMonotonic = 1
	clockLast      = 3
)

// The clock of ClockNone begins at the first moment of 2020, UTC.
const (
	noneBegin = 1577836800 * int64(time.Second)
	noneStep  = int64(time.Millisecond)
)

// A clock is a job's. Monotonic time begins a millisecond before the job.
type clock struct {
	kind  Clock
	begin time.Time
	none  int64 // how far ClockNone has gone on
}

func newClock(kind Clock) clock {
	return clock{kind: kind, begin: time.Now().Add(-time.Millisecond)}
}

func (c *clock) resolution() int64 {
	if c.kind == ClockReal {
		return int64(time.Microsecond)
	}
	return int64(time.Millisecond)
}

// now returns the time in nanoseconds, without ClockNone going on.
func (c *clock) now(id uint64) int64 {
	var t int64
	switch {
	case c.kind == ClockNone && id == clockRealtime:
		t = noneBegin + c.none
	case c.kind == ClockNone:
		t = noneStep + c.none
	case id == clockRealtime:
		t = time.Now().UnixNano()
	default:
		t = int64(time.Since(c.begin))
	}
	return t - t%c.resolution()
}

// skip lets ClockNone go on by a time that was waited for.
func (c *clock) skip(d int64) {
	c.none += max(d, 0)
}

func checkClock(id uint64) Errno {
	switch {
	case id <= clockMonotonic:
		return success
	case id <= clockLast:
		return eNotsup
	}
	return eInval
}

func (j *job) clockRes(m memory, a []uint64) Errno {
	if errno := checkClock(a[0]); errno != success {
		return errno
	}
	return m.put64(a[1], uint64(j.clock.resolution()))
}

func (j *job) clockTime(m memory, a []uint64) Errno {
	if errno := checkClock(a[0]); errno != success {
		return errno
	}
	now := j.clock.now(a[0])
	j.clock.skip(noneStep)
	return m.put64(a[2], uint64(now))
}
