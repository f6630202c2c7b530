package store

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/soltihq/solti-host/host/internal/event"
	"github.com/soltihq/solti-host/host/task"
)

// The bounds of one group, and of the accepts that may wait.
const (
	groupUnits  = 512
	groupBytes  = 1 << 20
	acceptUnits = 4096
	acceptBytes = 4 << 20
)

// Outstanding bounds the bytes of submissions that may have been let in and are not durable. A store's
// reserve should hold them with what the store adds to them, so that they still become durable when the
// disk is found full.
const Outstanding = acceptBytes + groupBytes

// The waits between attempts to write to a full disk.
const (
	retryFirst = 10 * time.Millisecond
	retryMax   = time.Second
)

// An Observer is told about every group, from the committer's goroutine: it must be quick.
type Observer interface {
	// Committed says that a group of so many units and records took d to commit. An err that wraps
	// ErrFull means that the same records will be tried again.
	Committed(units, records int, d time.Duration, err error)
}

// CommitterOptions are what a [Committer] can work without.
type CommitterOptions struct {
	Observer Observer
}

// A Committer is the one writer of a [Store]. Its goroutine alone calls Commit.
type Committer struct {
	store    Store
	observer Observer
	wake     chan struct{} // holds one token while there may be something to do
	giveUp   chan struct{} // closed when waiting for room has no more sense
	stopped  chan struct{} // closed when the goroutine has returned

	mu      sync.Mutex
	waiting backlog // guarded by mu
	err     error   // guarded by mu; why nothing is being written: wraps ErrFull, ErrBroken or task.ErrClosed
	closed  bool    // guarded by mu
	gaveUp  bool    // guarded by mu; giveUp is closed
}

// NewCommitter starts the committer of s. It runs until Close.
func NewCommitter(s Store, o CommitterOptions) *Committer {
	c := &Committer{
		store:    s,
		observer: o.Observer,
		wake:     make(chan struct{}, 1),
		giveUp:   make(chan struct{}),
		stopped:  make(chan struct{}),
	}
	go c.run()
	return c
}

// Append hands over a unit: records that become durable together. It does not wait. Units are
// committed in the order of the calls, and done is called once for each, in that order, from the
// committer's goroutine: with nil when the unit is durable, with an error wrapping [ErrBroken] when
// it never will be. After Close, done is called at once with an error wrapping task.ErrClosed.
//
// The records must not be changed any more.
func (c *Committer) Append(records []event.Record, done func(error)) {
	u := unit{records: records, done: done, bytes: estimate(records), accept: accepts(records)}
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		done(fmt.Errorf("commit: %w", task.ErrClosed))
		return
	}
	c.waiting.push(u)
	c.mu.Unlock()
	c.signal()
}

// Err returns why nothing can be written at the moment: an error that wraps [ErrFull] or [ErrBroken],
// or nil.
func (c *Committer) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// Accepting returns nil if a submission may be appended now. Otherwise it returns an error that wraps
// task.ErrUnavailable (disk full, which wraps task.ErrNoSpace too, or store broken), task.ErrQueueFull (too many submissions are waiting
// for the disk) or task.ErrClosed. Units that do not accept a task are never refused.
func (c *Committer) Accepting() error {
	c.mu.Lock()
	err, closed, full := c.err, c.closed, c.waiting.full()
	c.mu.Unlock()
	if closed {
		return task.ErrClosed
	}
	if err == nil {
		if r, ok := c.store.(Roomy); ok {
			err = r.Room()
		}
	}
	if err != nil {
		return fmt.Errorf("%w: %w", task.ErrUnavailable, err)
	}
	if full {
		return fmt.Errorf("%w: too many submissions wait for the disk", task.ErrQueueFull)
	}
	return nil
}

// Close refuses further units, waits until those that wait are committed and answered, and stops the
// goroutine. When ctx ends first, the units that are not durable by then are answered with an error,
// and the cause of ctx is returned. The store is left open.
func (c *Committer) Close(ctx context.Context) error {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.signal()
	select {
	case <-c.stopped:
		return nil
	case <-ctx.Done():
	}
	c.mu.Lock()
	if !c.gaveUp {
		c.gaveUp = true
		close(c.giveUp)
	}
	c.mu.Unlock()
	<-c.stopped
	return context.Cause(ctx)
}

func (c *Committer) signal() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

func (c *Committer) run() {
	defer close(c.stopped)
	var group []unit
	var records []event.Record
	for {
		group, records = c.take(group[:0], records[:0])
		if len(group) > 0 {
			c.commit(group, records)
			clear(group)
			clear(records)
			continue
		}
		c.mu.Lock()
		closed := c.closed && c.waiting.len() == 0
		c.mu.Unlock()
		if closed {
			return
		}
		<-c.wake
	}
}

// take moves the next group into the two slices.
func (c *Committer) take(group []unit, records []event.Record) ([]unit, []event.Record) {
	c.mu.Lock()
	defer c.mu.Unlock()
	group = c.waiting.take(group)
	for _, u := range group {
		records = append(records, u.records...)
	}
	return group, records
}

// commit makes a group durable and answers it. While the disk is full it tries smaller groups, in
// the hope that a part of it fits, and never goes on to a unit before those ahead of it are durable.
func (c *Committer) commit(group []unit, records []event.Record) {
	n, wait := len(group), retryFirst
	for len(group) > 0 {
		part := count(group[:n])
		err := c.write(n, records[:part])
		c.fail(err)
		if errors.Is(err, ErrFull) {
			if c.sleep(wait) {
				n, wait = max(1, n/2), min(2*wait, retryMax)
				continue
			}
			err = fmt.Errorf("commit: %w: %w", task.ErrClosed, err)
		}
		if err != nil {
			answer(group, err)
			return
		}
		answer(group[:n], nil)
		group, records = group[n:], records[part:]
		n, wait = len(group), retryFirst
	}
}

// write commits once, unless the store is known to be broken or nobody waits for the disk any more.
func (c *Committer) write(units int, records []event.Record) error {
	c.mu.Lock()
	err, gaveUp := c.err, c.gaveUp
	c.mu.Unlock()
	if errors.Is(err, ErrBroken) {
		return err
	}
	if gaveUp {
		return fmt.Errorf("commit: %w", task.ErrClosed)
	}
	start := time.Now()
	err = c.store.Commit(records)
	if c.observer != nil {
		c.observer.Committed(units, len(records), time.Since(start), err)
	}
	if err == nil || errors.Is(err, ErrFull) || errors.Is(err, ErrBroken) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrBroken, err)
}

// sleep waits and reports whether to try again.
func (c *Committer) sleep(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-c.giveUp:
		return false
	}
}

func (c *Committer) fail(err error) {
	c.mu.Lock()
	c.err = err
	c.mu.Unlock()
}

func answer(group []unit, err error) {
	for _, u := range group {
		u.done(err)
	}
}
