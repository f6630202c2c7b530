package supervisor

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/soltihq/solti-host/host/internal/event"
	"github.com/soltihq/solti-host/host/internal/policy"
	"github.com/soltihq/solti-host/host/task"
)

// submit is the input that a new task is wanted.
type submit struct {
	task   *task.Task // validated; uid, generation and status are made here
	key    *event.Key
	system bool
	repeat bool // it is only answered if it repeats an earlier one
	to     chan<- answer
}

func (in submit) apply(m *machine) {
	if m.closing {
		m.refuse(in.to, task.ErrClosed)
		return
	}
	if in.key != nil && m.repeated(in) {
		return
	}
	if in.repeat {
		m.effect(reply{in.to, answer{}})
		return
	}
	t := *in.task
	if err := m.nameIt(&t); err != nil {
		m.refuse(in.to, err)
		return
	}
	t.APIVersion, t.Kind = task.APIVersion, task.KindTask
	t.Metadata.UID = m.newUID(m.now)
	t.Metadata.Generation = 1
	t.Metadata.CreationTimestamp = m.wall()
	t.Metadata.DeletionTimestamp = time.Time{}
	t.Status = task.Status{Phase: task.Pending, ObservedGeneration: 1}
	m.admit(&entry{task: &t, book: event.Book{System: in.system}}, event.Accepted, in.key, answerTo{in.to, task.AppliedCreated})
}

// answerTo is who waits for an admission, and what to call it.
type answerTo struct {
	to  chan<- answer
	how task.Applied
}

// admit takes a new or revived entry into its slot, or stores that it was rejected.
func (m *machine) admit(e *entry, kind event.Kind, key *event.Key, who answerTo) {
	s := m.slots[e.task.Spec.Slot]
	busy, waiting := false, 0
	if s != nil {
		busy, waiting = true, s.length
	}
	arrival := policy.OnArrival(e.task.Spec.Admission, busy, waiting, m.slotQueue)
	if arrival == policy.Full {
		m.refuse(who.to, fmt.Errorf("slot %s: %w: %d tasks wait for it", e.task.Spec.Slot, task.ErrQueueFull, waiting))
		return
	}
	m.add(e)
	m.count.Order++
	e.book.Order = m.count.Order
	m.take(e, s, arrival, kind)
	if key != nil {
		k := *key
		k.UID, k.Name, k.Busy = e.uid(), e.name(), arrival == policy.Reject
		m.keys[k.Text] = &k
		m.out.records[0].Key = &k
	}
	m.effect(reply{who.to, answer{task: e.task, how: who.how}})
}

// take does with a newcomer what policy decided.
func (m *machine) take(e *entry, s *slot, arrival policy.Arrival, kind event.Kind) {
	switch arrival {
	case policy.Start:
		s = &slot{key: e.task.Spec.Slot, owner: e}
		m.slots[s.key] = s
		e.slot = s
		e.book.Owner = true
		m.record(e, kind, nil, func(t *task.Task) {
			t.Status.Waiting = ""
			if m.permits > 0 && m.used >= m.permits && !e.book.System {
				t.Status.Waiting = "permit"
			}
		})
		m.makeReady(e)
	case policy.Enqueue:
		e.state = queued
		m.record(e, kind, nil, func(t *task.Task) { t.Status.Waiting = "slot" })
		s.push(e, false)
	case policy.TakeHead:
		m.replace(e, s, kind)
	default:
		end := m.outcome(task.OutcomeRejected, task.ReasonSlotBusy, fmt.Sprintf("slot %s is busy with task %s", s.key, s.owner.name()))
		if kind == event.Updated { // what ends is told by a record of its own
			m.record(e, kind, nil, nil)
			kind = event.Finished
		}
		m.record(e, kind, nil, end)
		m.atOnce(release{e.task})
		m.forgetEntry(e)
	}
}

// replace makes e the head of a busy slot's queue, in the place of an earlier head, and marks the
// owner as its victim. The victim is stopped when e has been built.
func (m *machine) replace(e *entry, s *slot, kind event.Kind) {
	earlier := s.head()
	e.book.Head = true
	m.record(e, kind, nil, func(t *task.Task) { t.Status.Waiting = "slot" })
	if earlier != nil {
		m.finish(earlier, task.OutcomeRejected, task.ReasonSuperseded, "task "+string(e.name())+" was to replace the owner as well")
	}
	s.push(e, true)
	if victim := s.owner; victim.book.Stop == "" {
		victim.book.Stop = task.ReasonReplaced
		m.record(victim, event.Stopping, nil, nil)
	}
	m.makeReady(e)
}

// nameIt gives t a name if it has none, and refuses one that is taken.
func (m *machine) nameIt(t *task.Task) error {
	if t.Metadata.Name != "" {
		if m.taken(t.Metadata.Name) {
			return fmt.Errorf("task %s: %w", t.Metadata.Name, task.ErrExists)
		}
		return nil
	}
	base := dns1123(t.Spec.Workload.Kind) + "-" + dns1123(string(t.Spec.Slot)) + "-"
	for {
		m.count.Name++
		t.Metadata.Name = task.Name(base + strconv.FormatUint(m.count.Name, 10))
		if !m.taken(t.Metadata.Name) {
			return nil
		}
	}
}

func (m *machine) taken(name task.Name) bool {
	if m.names[name] != nil {
		return true
	}
	_, _, ok := m.finished(name)
	return ok
}

// repeated answers a submission whose key is in use.
func (m *machine) repeated(in submit) bool {
	k := m.keys[in.key.Text]
	if k == nil {
		return false
	}
	if !k.Expires.After(m.now) {
		delete(m.keys, in.key.Text)
		return false
	}
	if k.Digest != in.key.Digest {
		m.refuse(in.to, task.ErrKeyReused)
		return true
	}
	first := answer{key: k, how: task.AppliedCreated}
	if e := m.entries[k.UID]; e != nil {
		first.task = e.task
	}
	m.effect(reply{in.to, first})
	return true
}

func (m *machine) refuse(to chan<- answer, err error) { m.effect(reply{to, answer{err: err}}) }

// dns1123 makes a name's part of s: lower case, anything else a hyphen, hyphens neither first nor
// last.
func dns1123(s string) string {
	var b strings.Builder
	for _, r := range strings.ToLower(s) {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			b.WriteRune(r)
		} else if n := b.Len(); n > 0 && b.String()[n-1] != '-' {
			b.WriteByte('-')
		}
	}
	if part := strings.Trim(b.String(), "-"); part != "" {
		return part
	}
	return "slot"
}
