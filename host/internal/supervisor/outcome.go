package supervisor

import (
	"time"

	"github.com/soltihq/solti-host/host/internal/event"
	"github.com/soltihq/solti-host/host/task"
)

// outcome returns a change of a task to its end.
func (m *machine) outcome(kind task.OutcomeKind, reason task.Reason, message string) func(*task.Task) {
	return m.outcomeSpent(kind, reason, message, false)
}

func (m *machine) outcomeSpent(kind task.OutcomeKind, reason task.Reason, message string, spent bool) func(*task.Task) {
	return func(t *task.Task) {
		t.Status.Outcome = &task.Outcome{Kind: kind, Reason: reason, Message: message, FinishedAt: m.wall()}
		t.Status.Phase = kind.Phase(spent)
		if kind == task.OutcomeRejected && isCancellation(reason) {
			t.Status.Phase = task.Canceled
		}
		t.Status.ObservedGeneration = t.Metadata.Generation
		t.Status.NextAt, t.Status.Waiting = time.Time{}, ""
	}
}

// isCancellation reports whether a rejection for that reason counts as a cancellation, not as a
// failure.
func isCancellation(r task.Reason) bool {
	return r == task.ReasonSlotBusy || r == task.ReasonSuperseded || r == task.ReasonRemoved || r == task.ReasonReplaced
}

// finish ends a task whose attempt, if it had one, is gone.
func (m *machine) finish(e *entry, kind task.OutcomeKind, reason task.Reason, message string) {
	m.end(e, event.Finished, nil, m.outcome(kind, reason, message))
}

// end records the end of a task, takes it out of its slot and lets the next one in.
func (m *machine) end(e *entry, kind event.Kind, run *task.Run, change func(*task.Task)) {
	deleted := e.book.Stop == task.ReasonDeleted
	if e.token != 0 {
		m.atOnce(abortBuild{e.uid()})
	}
	s := e.slot
	e.book.Owner, e.book.Head = false, false
	m.record(e, kind, run, change)
	m.atOnce(release{e.task}) // before anybody learns of the end and comes again under the name
	m.leave(e, s)
	m.forgetEntry(e)
	if deleted {
		m.forget(e.task, &e.book)
	}
}

// leave takes e out of its slot. If it was the owner, the first in the queue is the next.
func (m *machine) leave(e *entry, s *slot) {
	e.slot = nil
	if s == nil {
		return
	}
	if s.owner != e {
		s.remove(e)
		return
	}
	s.owner = s.first
	if s.owner == nil {
		delete(m.slots, s.key)
		return
	}
	s.remove(s.owner)
	m.inherit(s.owner)
}

// inherit goes on with e, which has become the owner of its slot.
func (m *machine) inherit(e *entry) {
	e.book.Head, e.book.Owner = false, true
	switch e.state {
	case building, down: // a replacement on its way; it goes on from there
	case built:
		m.awaitPermit(e)
	default:
		m.makeReady(e)
	}
}

// forget records that a task which is over is dropped with all that belongs to it.
func (m *machine) forget(t *task.Task, book *event.Book) {
	m.limbo.add(t.Metadata.Name, ending{forgotten: true, unit: m.units})
	m.out.records = append(m.out.records, event.Record{Kind: event.Removed, At: m.wall(), Task: t, Book: *book})
}
