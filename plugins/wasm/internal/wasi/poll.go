package wasi

import (
	"encoding/binary"
	"errors"
	"math"
	"time"

	"golang.org/x/sys/unix"
)

const (
	subscriptionSize = 48
	eventSize        = 32

	// maxSubscriptions bounds what one call waits for. No program has more files than that.
	maxSubscriptions = 4096

	eventClock   = 0
	eventFdRead  = 1
	eventFdWrite = 2

	clockAbsolute = 1 << 0
	eventHangup   = 1 << 0
)

// A subscription is one of the things that a guest waits for.
type subscription struct {
	userdata uint64
	kind     byte
	deadline int64 // of a clock
	clock    uint64
	file     *file // of a descriptor
	polled   int   // which of the pollfds stands for it, -1 if it is always ready
	errno    Errno // nothing is waited for: this is the answer
}

// A wait is one call of poll_oneoff.
type wait struct {
	j    *job
	subs []subscription
	fds  []unix.PollFd
}

// pollOneoff waits for the first of some subscriptions: subscriptions, events, their number, result.
func (j *job) pollOneoff(m memory, a []uint64) Errno {
	n := a[2]
	if n == 0 || n > maxSubscriptions {
		return eInval
	}
	in, ok := m.view(a[0], n*subscriptionSize)
	if !ok {
		return eFault
	}
	out, ok := m.view(a[1], n*eventSize)
	if !ok {
		return eFault
	}
	w := wait{j: j, subs: make([]subscription, 0, n)}
	for ; len(in) > 0; in = in[subscriptionSize:] {
		if errno := w.add(in[:subscriptionSize]); errno != success {
			return errno
		}
	}
	if err := w.wait(); err != nil {
		return toErrno(err)
	}
	return m.put32(a[3], w.events(out))
}

// add parses a subscription.
func (w *wait) add(b []byte) Errno {
	s := subscription{userdata: binary.LittleEndian.Uint64(b), kind: b[8], polled: -1}
	switch s.kind {
	case eventClock:
		s.clock = uint64(binary.LittleEndian.Uint32(b[16:]))
		if s.errno = checkClock(s.clock); s.errno == success {
			s.deadline = w.deadline(s.clock, binary.LittleEndian.Uint64(b[24:]), binary.LittleEndian.Uint16(b[40:]))
		}
	case eventFdRead, eventFdWrite:
		w.addFile(&s, uint64(binary.LittleEndian.Uint32(b[16:])))
	default:
		return eInval
	}
	w.subs = append(w.subs, s)
	return success
}

func (w *wait) deadline(clock, timeout uint64, flags uint16) int64 {
	t := int64(min(timeout, math.MaxInt64))
	if flags&clockAbsolute != 0 {
		return t
	}
	now := w.j.clock.now(clock)
	if t > math.MaxInt64-now {
		return math.MaxInt64
	}
	return now + t
}

// addFile finds out how a descriptor is waited for. Files, and outputs, are always ready.
func (w *wait) addFile(s *subscription, fd uint64) {
	s.file, s.errno = w.j.file(fd, rightPollFdReadwrite)
	if s.errno != success {
		return
	}
	var events int16 = unix.POLLIN
	needed := rightFdRead
	if s.kind == eventFdWrite {
		events, needed = unix.POLLOUT, rightFdWrite
	}
	switch {
	case s.file.kind == kindListener && s.kind == eventFdRead:
	case s.file.base&needed == 0:
		s.errno = eBadf
		return
	case s.file.kind == kindNode, s.file.kind == kindOutput, s.file.fd < 0:
		return
	}
	s.polled = len(w.fds)
	w.fds = append(w.fds, unix.PollFd{Fd: int32(s.file.fd), Events: events})
}

// wait returns when at least one subscription is ready.
func (w *wait) wait() error {
	for {
		left, due := w.left()
		var timeout *unix.Timespec
		if left != math.MaxInt64 {
			ts := unix.NsecToTimespec(left)
			timeout = &ts
		}
		n, err := unix.Ppoll(w.fds, timeout, nil)
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil || n > 0 || due:
			return err
		case w.j.clock.kind == ClockNone:
			w.j.clock.skip(w.untilDeadline())
			return nil
		}
	}
}

// left returns how many nanoseconds may be waited, and whether something is ready as it is.
func (w *wait) left() (nanos int64, due bool) {
	for _, s := range w.subs {
		if s.errno != success || s.kind != eventClock && s.polled < 0 {
			return 0, true
		}
	}
	until := w.untilDeadline()
	switch {
	case until <= 0:
		return 0, true
	case until == math.MaxInt64:
		return until, false
	case w.j.clock.kind == ClockNone:
		return 0, false
	case w.j.clock.kind == ClockCoarse: // the clock is behind by up to its resolution
		return max(until, int64(time.Millisecond)), false
	}
	return max(until, int64(time.Microsecond)), false
}

// untilDeadline returns how many nanoseconds are left to the first deadline.
func (w *wait) untilDeadline() int64 {
	until := int64(math.MaxInt64)
	for _, s := range w.subs {
		if s.kind == eventClock && s.errno == success {
			until = min(until, s.deadline-w.j.clock.now(s.clock))
		}
	}
	return until
}

// events writes what is ready and returns how many there are.
func (w *wait) events(out []byte) (count uint32) {
	for i := range w.subs {
		s := &w.subs[i]
		bytes, flags, ready := w.look(s)
		if !ready {
			continue
		}
		clear(out[:eventSize])
		binary.LittleEndian.PutUint64(out, s.userdata)
		binary.LittleEndian.PutUint16(out[8:], uint16(s.errno))
		out[10] = s.kind
		binary.LittleEndian.PutUint64(out[16:], bytes)
		binary.LittleEndian.PutUint16(out[24:], flags)
		out = out[eventSize:]
		count++
	}
	return count
}

// look reports whether a subscription is ready, and of a descriptor how many bytes are, and whether its
// other end is closed.
func (w *wait) look(s *subscription) (bytes uint64, flags uint16, ready bool) {
	switch {
	case s.errno != success:
		return 0, 0, true
	case s.kind == eventClock:
		return 0, 0, s.deadline <= w.j.clock.now(s.clock)
	case s.polled < 0:
		return s.file.available(s.kind), 0, true
	}
	events := w.fds[s.polled].Revents
	switch {
	case events&unix.POLLNVAL != 0:
		s.errno = eBadf
	case events&unix.POLLHUP != 0:
		flags = eventHangup
	}
	if events != 0 && s.kind == eventFdRead && s.file.kind != kindListener {
		n, err := unix.IoctlGetInt(s.file.fd, unix.TIOCINQ)
		if err == nil {
			bytes = uint64(n)
		}
	}
	return bytes, flags, events != 0
}

// available returns how much can be read, or written, of what is always ready.
func (f *file) available(kind byte) uint64 {
	switch {
	case kind == eventFdWrite:
		return 64 << 10
	case f.kind != kindNode:
		return 0
	}
	var st unix.Stat_t
	if f.node.Stat(&st) != nil {
		return 0
	}
	at, err := f.node.Seek(0, unix.SEEK_CUR)
	if err != nil {
		return 0
	}
	return uint64(max(st.Size-at, 0))
}
