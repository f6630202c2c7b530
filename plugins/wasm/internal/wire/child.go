package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// A Child is the worker's end of the way to the plugin. It belongs to one goroutine, and blocks its thread.
type Child struct {
	fd     int
	shared *shared
	gap    [2]bool // something of the stream was discarded since its last mark or the job's beginning
	buf    []byte
	oob    []byte
}

// NewChild takes over the socket that the plugin made with NewParent.
func NewChild(fd int) *Child {
	return &Child{fd: fd, buf: make([]byte, MaxMessage), oob: make([]byte, unix.CmsgSpace(4*(maxDescriptors+2)))}
}

// Load waits for the module. The files are the caller's.
func (c *Child) Load() (l Load, f Files, err error) {
	if err := patient(c.fd); err != nil { // before anything is received: see recvmsg
		return l, f, err
	}
	message, fds, err := receive(c.fd, c.buf, c.oob)
	if err != nil {
		return l, f, err
	}
	if kind(message[0]) != kindLoad {
		return l, f, fmt.Errorf("%w: message %d where Load was expected", ErrProtocol, message[0])
	}
	hasNative, hasShell, err := l.decode(&decoder{b: message[1:]})
	if err != nil {
		return l, f, err
	}
	f.Native, f.Shell = -1, -1
	into := []*int{&f.Module}
	if hasNative {
		into = append(into, &f.Native)
	}
	if hasShell {
		into = append(into, &f.Shell)
	}
	if len(fds) != len(into)+1 {
		return l, f, fmt.Errorf("%w: %d descriptors, want %d", ErrProtocol, len(fds), len(into)+1)
	}
	for i, to := range into {
		*to = fds[i]
	}
	ring := fds[len(into)]
	defer unix.Close(ring)
	c.shared, err = mapShared(ring)
	return l, f, err
}

// Ready says that the module can be run.
func (c *Child) Ready(r Ready) error { return c.send(r.encode().b) }

// Refuse says that it cannot.
func (c *Child) Refuse(reason string) error {
	e := encode(kindRefusal)
	e.string(clip(reason, MaxTrap))
	return c.send(e.b)
}

// Next waits for a job. It returns io.EOF when there will be no more.
func (c *Child) Next() (Job, Descriptors, error) {
	var j Job
	message, fds, err := c.next()
	switch {
	case err != nil:
		return j, Descriptors{}, err
	case kind(message[0]) != kindJob:
		return j, Descriptors{}, fmt.Errorf("%w: message %d where a job was expected", ErrProtocol, message[0])
	}
	stdin, err := j.decode(&decoder{b: message[1:]})
	if err != nil {
		return j, Descriptors{}, err
	}
	c.gap = [2]bool{}
	ds, err := j.split(stdin, fds)
	return j, ds, err
}

// next waits for a message.
func (c *Child) next() (message []byte, fds []int, err error) {
	if c.shared.words.look.Load() != 0 {
		if message, err := c.shared.job.watch(time.Now().Add(looking), c.buf); message != nil || err != nil {
			return message, nil, err
		}
	}
	return receive(c.fd, c.buf, c.oob)
}

// Counter returns a number that the plugin sees.
func (c *Child) Counter(which Counter) *atomic.Uint64 { return &c.shared.words.counters[which] }

// Write hands on what the guest wrote to a stream, or discards and counts it, as the plugin says. It waits while
// the ring is full.
func (c *Child) Write(stream Stream, p []byte) error {
	for len(p) > 0 {
		if c.shared.words.discard[stream-Stdout].Load() != 0 {
			c.discard(stream, len(p))
			return nil
		}
		record, of := p[:min(len(p), MaxOutput)], stream
		if c.gap[stream-Stdout] {
			total := c.Counter(StdoutDiscarded + Counter(stream-Stdout)).Load()
			record, of = binary.LittleEndian.AppendUint64(nil, total), stream|marked
		}
		before, after, ok := c.shared.put(of, record)
		if !ok {
			if err := c.waitForRoom(padded(len(record))); err != nil {
				return err
			}
			continue
		}
		if of == stream {
			p = p[len(record):]
		} else {
			c.gap[stream-Stdout] = false
		}
		if err := c.ring(before, after); err != nil {
			return err
		}
	}
	return nil
}

// discard counts n bytes of a stream, up to more than anybody will read.
func (c *Child) discard(stream Stream, n int) {
	c.gap[stream-Stdout] = true
	total := c.Counter(StdoutDiscarded + Counter(stream-Stdout))
	total.Store(min(total.Load()+uint64(n), maxTotal))
}

// ring wakes the plugin if it sleeps, or if the ring has just become half full.
func (c *Child) ring(before, after uint64) error {
	w := c.shared.words
	idle := w.idle.Load() != 0 && w.idle.Swap(0) != 0
	if idle || before < ringHalf && after >= ringHalf {
		return c.send([]byte{byte(kindBell)})
	}
	return nil
}

// waitForRoom returns when the ring may have room for n bytes.
func (c *Child) waitForRoom(n uint64) error {
	w := c.shared.words
	w.full.Store(1)
	if w.head.Load()-w.tail.Load()+n <= ringSize && w.full.Swap(0) != 0 {
		return nil // else the plugin has seen the word, and a message is on its way
	}
	message, fds, err := receive(c.fd, c.buf, c.oob)
	switch {
	case err != nil:
		return err
	case kind(message[0]) != kindRoom || len(fds) > 0:
		return fmt.Errorf("%w: message %d within a job", ErrProtocol, message[0])
	}
	return nil
}

// Status says how the job ended. All it wrote is in the ring before.
func (c *Child) Status(s Status) error {
	message := s.encode().b
	if c.shared.end.post(message) {
		return nil
	}
	return c.send(message)
}

func (c *Child) send(message []byte) error {
	for {
		err := unix.Sendmsg(c.fd, message, nil, nil, unix.MSG_NOSIGNAL)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.EPIPE):
			return io.EOF
		case err != nil:
			return fmt.Errorf("send: %w", err)
		}
		return nil
	}
}
