package supervisor

import (
	"time"

	"github.com/soltihq/solti-host/host/internal/event"
	"github.com/soltihq/solti-host/host/task"
)

// A state says what an entry is doing.
type state uint8

const (
	queued   state = iota // waits in its slot's queue
	ready                 // owns its slot, or is to replace who does; waits for a place in the window
	building              // a build is on its way
	built                 // built; waits for a permit, or as a replacement for its slot
	running               // an attempt was decided on and is not over
	waiting               // waits for a time: backoff, interval or room
	down                  // waits for its runner to be ready, or to be asked again
	crowded               // waits for its runner to have room
	over                  // has an outcome and has left its slot
)

// An entry is the machine's view of one task that is not over. Only the machine touches it.
type entry struct {
	task  *task.Task // its last image
	book  event.Book
	state state
	slot  *slot
	prev  *entry // in the slot's queue
	next  *entry

	run      *task.Run // while running
	prebuilt bool      // the runner has this generation
	windowed bool      // holds a place in the window
	token    uint64    // names the build on its way; answers to earlier ones are stale
	wakes    uint64    // those of the machine when the runner was last asked
	respec   bool      // the attempt that runs is of an earlier generation
	evicted  bool      // the attempt that runs was asked to end for a replacement
	at       time.Time // of the next attempt, while waiting
	heap     int       // place in the timer heap; -1 means none
}

func (e *entry) uid() task.UID   { return e.task.Metadata.UID }
func (e *entry) name() task.Name { return e.task.Metadata.Name }

// owns reports whether e is the owner of its slot.
func (e *entry) owns() bool { return e.slot != nil && e.slot.owner == e }

// stands reports whether e belongs into the line of those in state s. Only the line for the window
// takes replacements too: they are built before they own their slot.
func (e *entry) stands(s state) bool { return e.state == s && (e.owns() || s == ready) }

// stopIntent returns why the task is to end with its attempt, or nothing. A replacement does not mean
// a generation that goes to another slot.
func (e *entry) stopIntent() task.Reason {
	if e.book.Stop == task.ReasonReplaced && e.respec && e.slot.key != e.task.Spec.Slot {
		return ""
	}
	return e.book.Stop
}

// A slot is the exclusion of tasks under one key: an owner and those that wait for it to be gone.
type slot struct {
	key    task.Slot
	owner  *entry
	first  *entry // of the queue; a replacement is always first
	last   *entry
	length int
}

// push puts e at the end of the queue, or at its front.
func (s *slot) push(e *entry, front bool) {
	e.slot = s
	s.length++
	switch {
	case s.first == nil:
		s.first, s.last = e, e
	case front:
		e.next, s.first.prev = s.first, e
		s.first = e
	default:
		e.prev, s.last.next = s.last, e
		s.last = e
	}
}

// remove takes e out of the queue.
func (s *slot) remove(e *entry) {
	if e.prev != nil {
		e.prev.next = e.next
	} else {
		s.first = e.next
	}
	if e.next != nil {
		e.next.prev = e.prev
	} else {
		s.last = e.prev
	}
	e.prev, e.next = nil, nil
	s.length--
}

// head returns the replacement that waits for the slot, or nil.
func (s *slot) head() *entry {
	if s.first != nil && s.first.book.Head {
		return s.first
	}
	return nil
}
