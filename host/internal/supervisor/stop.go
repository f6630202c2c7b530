package supervisor

import (
	"fmt"
	"maps"

	"github.com/soltihq/solti-host/host/internal/event"
	"github.com/soltihq/solti-host/host/task"
)

// stop is the input that a task is to be canceled or deleted.
type stop struct {
	name   task.Name
	uid    task.UID // zero means any
	reason task.Reason
	to     chan<- answer
}

func (in stop) apply(m *machine) {
	e := m.names[in.name]
	if e == nil || e.book.System || !in.uid.IsZero() && e.uid() != in.uid {
		m.stopFinished(in)
		return
	}
	m.intend(e, in.reason)
	m.halt(e, in.reason)
	m.effect(reply{in.to, answer{task: e.task, gone: e.state == over && in.reason == task.ReasonDeleted}})
}

// stopFinished answers for a task that is over: canceling it changes nothing, deleting it drops it.
func (m *machine) stopFinished(in stop) {
	uid, _, ok := m.finished(in.name)
	if !ok || !in.uid.IsZero() && in.uid != uid {
		m.refuse(in.to, fmt.Errorf("task %s: %w", in.name, task.ErrNotFound))
		return
	}
	if in.reason == task.ReasonDeleted {
		m.forget(&task.Task{Metadata: task.Metadata{Name: in.name, UID: uid}}, &event.Book{})
		m.effect(reply{in.to, answer{gone: true}})
		return
	}
	m.effect(reply{in.to, answer{}})
}

// intend records that e was asked to end. A deletion outweighs what was asked before; a cancellation
// outweighs a replacement.
func (m *machine) intend(e *entry, reason task.Reason) {
	if e.book.Stop == reason || e.book.Stop == task.ReasonDeleted ||
		e.book.Stop == task.ReasonCanceled && reason != task.ReasonDeleted {
		return
	}
	e.book.Stop = reason
	m.record(e, event.Stopping, nil, func(t *task.Task) {
		if reason == task.ReasonDeleted {
			t.Metadata.DeletionTimestamp = m.wall()
		}
	})
}

// halt stops what e is doing: an attempt is interrupted and e ends with it, everything else ends now.
func (m *machine) halt(e *entry, reason task.Reason) {
	if e.state == running {
		m.atOnce(interrupt{e.uid(), reason})
		return
	}
	if !e.owns() {
		owner := e.slot.owner
		m.finish(e, task.OutcomeRejected, queuedReason(reason), "")
		m.spare(owner)
		return
	}
	m.finish(e, task.OutcomeCanceled, reason, "")
}

// queuedReason returns the reason of the rejection of a task that was asked to end in the queue.
func queuedReason(reason task.Reason) task.Reason {
	if reason == task.ReasonReplaced {
		return task.ReasonSuperseded
	}
	return task.ReasonRemoved
}

// evict stops the owner of a slot, now that its replacement has been built.
func (m *machine) evict(owner *entry) {
	if owner.book.Stop == "" {
		owner.book.Stop = task.ReasonReplaced
		m.record(owner, event.Stopping, nil, nil)
	}
	owner.evicted = owner.state == running
	m.halt(owner, task.ReasonReplaced)
}

// forgetFinished is the input of retention: tasks that are over, and runs of theirs, are to be
// dropped. What lives again by now is left alone. Idempotency keys that have expired go with it.
type forgetFinished struct {
	remove []*task.Task
	prune  []event.Record
	to     chan<- answer
}

func (in forgetFinished) apply(m *machine) {
	maps.DeleteFunc(m.keys, func(_ string, k *event.Key) bool { return !k.Expires.After(m.now) })
	m.out.records = append(m.out.records, in.prune...)
	for _, t := range in.remove {
		uid, image, ok := m.finished(t.Metadata.Name)
		if !ok || uid != t.Metadata.UID || m.entries[uid] != nil {
			continue
		}
		if image == nil && m.index.Version(uid) == t.Metadata.ResourceVersion {
			m.forget(t, &event.Book{})
		}
	}
	m.effect(reply{to: in.to})
}
