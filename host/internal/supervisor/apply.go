package supervisor

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/soltihq/solti-host/host/internal/event"
	"github.com/soltihq/solti-host/host/internal/policy"
	"github.com/soltihq/solti-host/host/task"
)

// apply is the input that a task is to be as given: created, changed, or left as it is.
type apply struct {
	task    *task.Task // validated, with a name
	uid     task.UID   // only this incarnation; zero means any
	version string     // only this version; empty means any
	base    *task.Task // the finished task of that name as the caller read it; nil means that there was none
	adopt   bool       // an embedded task: it takes over the finished record of its name and runs in any case
	system  bool
	to      chan<- answer
}

func (in apply) apply(m *machine) {
	if m.closing {
		m.refuse(in.to, task.ErrClosed)
		return
	}
	if e := m.names[in.task.Metadata.Name]; e != nil {
		if e.book.System && !in.system {
			m.refuse(in.to, fmt.Errorf("task %s: %w: it is the host's own", e.name(), task.ErrConflict))
			return
		}
		if err := in.check(e.task); err != nil {
			m.refuse(in.to, err)
			return
		}
		m.change(e, in)
		return
	}
	uid, image, ok := m.finished(in.task.Metadata.Name)
	if image != nil {
		in.base = image
	}
	current := in.base != nil && in.base.Metadata.UID == uid &&
		(image != nil || in.base.Metadata.ResourceVersion == m.index.Version(uid))
	switch {
	case !ok:
		if err := in.checkAbsent(); err != nil {
			m.refuse(in.to, err)
			return
		}
		submit{task: in.task, system: in.system, to: in.to}.apply(m)
	case !current:
		m.refuse(in.to, ErrStale)
	default:
		if err := in.check(in.base); err != nil {
			m.refuse(in.to, err)
			return
		}
		m.revive(in)
	}
}

// ErrStale says that the finished task is not the one the caller has read: read again.
var ErrStale = errors.New("the task has changed since it was read for an apply")

// check holds the caller's preconditions against the task there is.
func (in apply) check(t *task.Task) error {
	md := t.Metadata
	var wrong []string
	if !in.uid.IsZero() && in.uid != md.UID {
		wrong = append(wrong, fmt.Sprintf("uid is %s, not %s", md.UID, in.uid))
	}
	if in.version != "" && in.version != md.ResourceVersion {
		wrong = append(wrong, fmt.Sprintf("resourceVersion is %s, not %s", md.ResourceVersion, in.version))
	}
	if !md.DeletionTimestamp.IsZero() {
		wrong = append(wrong, "it is being deleted")
	}
	if embedded := t.Spec.Workload.Type() == task.Embedded; embedded != in.adopt {
		wrong = append(wrong, "one of the two is an embedded task")
	} else if embedded && !t.Status.Done() {
		wrong = append(wrong, "it is running")
	}
	if wrong == nil {
		return nil
	}
	return fmt.Errorf("task %s: %w: %s", md.Name, task.ErrConflict, strings.Join(wrong, "; "))
}

// checkAbsent holds the caller's preconditions against there being no task.
func (in apply) checkAbsent() error {
	if in.uid.IsZero() && in.version == "" {
		return nil
	}
	return fmt.Errorf("task %s: %w", in.task.Metadata.Name, task.ErrNotFound)
}

// change applies to a live task.
func (m *machine) change(e *entry, in apply) {
	if e.book.Stop == task.ReasonCanceled {
		m.refuse(in.to, fmt.Errorf("task %s: %w: it is being canceled; wait until it is over", e.name(), task.ErrConflict))
		return
	}
	respec := !e.task.Spec.Equal(&in.task.Spec)
	if !respec && sameLabels(e.task, in.task) {
		m.effect(reply{in.to, answer{task: e.task, how: task.AppliedUnchanged}})
		return
	}
	old := e.task
	e.book.Slot = ""
	if e.state == running && in.task.Spec.Slot != e.slot.key {
		e.book.Slot = e.slot.key
	}
	m.record(e, event.Updated, nil, func(t *task.Task) {
		t.Metadata.Labels, t.Metadata.Annotations = in.task.Metadata.Labels, in.task.Metadata.Annotations
		if respec {
			t.Spec = in.task.Spec
			t.Metadata.Generation++
		}
	})
	if respec {
		m.respec(e, old)
	}
	m.effect(reply{in.to, answer{task: e.task, how: task.AppliedConfigured}})
}

// respec goes over to e's new generation: at once if no attempt runs, and otherwise when the new one
// has been built and the attempt is gone.
func (m *machine) respec(e *entry, old *task.Task) {
	if e.token != 0 {
		m.atOnce(abortBuild{e.uid()})
		e.token = 0
	}
	if e.state == running {
		if e.respec && e.prebuilt { // a generation that never ran is overtaken
			m.effect(release{old})
		}
		e.respec, e.prebuilt = true, false
		if !m.closing {
			m.ask(e, unassigned(e.task))
		}
		return
	}
	m.timers.clear(e)
	m.leaveWindow(e)
	m.effect(release{old})
	m.turnOver(e)
}

// unassigned returns t as a new generation is built: by whichever runner takes it.
func unassigned(t *task.Task) *task.Task {
	c := *t
	c.Status.Runner = ""
	return &c
}

// rebuilt takes the answer to the build of a new generation while an attempt of the last one runs.
// If the build failed, that attempt goes on, and the failure shows in the status.
func (m *machine) rebuilt(e *entry, in buildDone) {
	switch {
	case in.err == nil:
		e.prebuilt = true
		m.assign(e, in.runner)
		m.atOnce(interrupt{e.uid(), task.ReasonReplaced})
	case errors.Is(in.err, ErrDown), errors.As(in.err, new(*LaterError)): // asked again when runners change, or by the turn over
		if e.wakes != m.wakes && !m.closing {
			m.ask(e, unassigned(e.task))
		}
	default:
		f := failureOf(in.err)
		m.record(e, event.Updated, nil, func(t *task.Task) { t.Status.Error = f })
	}
}

// turnOver begins e's new generation; no attempt of it runs.
func (m *machine) turnOver(e *entry) {
	e.book.Streak, e.book.Losses, e.book.Slot = 0, 0, ""
	kept := ""
	if e.respec && e.prebuilt {
		kept = e.task.Status.Runner
	} else {
		e.prebuilt = false
	}
	e.respec = false
	reset := func(t *task.Task) {
		t.Status = task.Status{
			Phase: task.Pending, Attempt: t.Status.Attempt, RunID: t.Status.RunID, Runner: kept,
			ObservedGeneration: t.Metadata.Generation,
		}
		if !e.owns() {
			t.Status.Waiting = "slot"
		}
	}
	if e.slot.key != e.task.Spec.Slot {
		m.move(e, reset)
		return
	}
	m.record(e, event.Updated, nil, reset)
	switch {
	case e.owns(), e.book.Head:
		m.makeReady(e)
	default:
		e.state = queued
	}
}

// move takes e from its slot to the one of its new generation, as if it came anew. It is never
// refused for a full queue, because it was accepted long ago.
func (m *machine) move(e *entry, reset func(*task.Task)) {
	from := e.slot
	e.state = ready // nothing of it runs
	e.book.Owner, e.book.Head = false, false
	if e.book.Stop == task.ReasonReplaced { // that was about the slot it leaves
		e.book.Stop = ""
	}
	m.leave(e, from)
	if from.owner != nil {
		m.spare(from.owner)
	}
	t := *e.task
	reset(&t)
	e.task = &t
	m.count.Order++
	e.book.Order = m.count.Order
	s := m.slots[t.Spec.Slot]
	arrival := policy.OnArrival(t.Spec.Admission, s != nil, 0, 1)
	m.take(e, s, arrival, event.Updated)
}

// revive applies to a task that is over.
func (m *machine) revive(in apply) {
	base := in.base
	respec := !base.Spec.Equal(&in.task.Spec)
	retry := in.retries(base)
	if !respec && !retry && sameLabels(base, in.task) {
		m.effect(reply{in.to, answer{task: base, how: task.AppliedUnchanged}})
		return
	}
	t := *base
	t.Metadata.Labels, t.Metadata.Annotations = in.task.Metadata.Labels, in.task.Metadata.Annotations
	e := &entry{task: &t, heap: -1, book: event.Book{Revision: revisionOf(base), System: in.system}}
	if !respec && !retry {
		m.record(e, event.Updated, nil, nil)
		m.limbo.add(e.name(), ending{task: e.task, unit: m.units})
		m.effect(reply{in.to, answer{task: e.task, how: task.AppliedConfigured}})
		return
	}
	if respec {
		t.Spec = in.task.Spec
		t.Metadata.Generation++
	}
	m.reset(&t)
	m.admit(e, event.Updated, nil, answerTo{in.to, task.AppliedConfigured})
}

// retries reports whether a task that is over runs again though it is applied as it is.
func (in apply) retries(base *task.Task) bool {
	o := base.Status.Outcome
	return in.adopt || base.Spec.Equal(&in.task.Spec) && o.Kind == task.OutcomeRejected && !isCancellation(o.Reason)
}

// Foresee says what c would do if base were the stored task; nil means that there is none.
func (c Change) Foresee(base *task.Task) (task.Applied, error) {
	in := apply{task: c.Task, uid: c.UID, version: c.Version, adopt: c.Adopt}
	if base == nil {
		return task.AppliedCreated, in.checkAbsent()
	}
	if err := in.check(base); err != nil {
		return "", err
	}
	if base.Spec.Equal(&c.Task.Spec) && sameLabels(base, c.Task) && (!base.Status.Done() || !in.retries(base)) {
		return task.AppliedUnchanged, nil
	}
	return task.AppliedConfigured, nil
}

// reset makes the status of a task that is to run again, its attempts numbered on.
func (m *machine) reset(t *task.Task) {
	t.Metadata.DeletionTimestamp = time.Time{}
	t.Status = task.Status{
		Phase: task.Pending, Attempt: t.Status.Attempt, RunID: t.Status.RunID, ObservedGeneration: t.Metadata.Generation,
	}
}

// revisionOf reads the revision within a resource version.
func revisionOf(t *task.Task) uint64 {
	_, text, _ := strings.Cut(t.Metadata.ResourceVersion, "-")
	n, _ := strconv.ParseUint(text, 10, 64)
	return n
}

func sameLabels(a, b *task.Task) bool {
	return equalMaps(a.Metadata.Labels, b.Metadata.Labels) && equalMaps(a.Metadata.Annotations, b.Metadata.Annotations)
}
