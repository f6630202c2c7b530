package supervisor

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/soltihq/solti-host/host/internal/event"
	"github.com/soltihq/solti-host/host/internal/policy"
	"github.com/soltihq/solti-host/host/task"
)

// A Restored task is one that was not over when the host went down, as its last record left it.
type Restored struct {
	Task *task.Task
	Book event.Book
	Last *task.Run // its last run, with what is known of its output; nil if there was none
}

// restore is the input that these tasks were not over when the host went down. Nothing of them runs:
// whoever gives this input has seen to that. What was decided stays decided: slots keep their owners
// and queues their order, and intents to stop are carried out.
type restore struct {
	tasks []Restored
	keys  []event.Key
	to    chan<- answer
}

func (in restore) apply(m *machine) {
	for i := range in.keys {
		m.keys[in.keys[i].Text] = &in.keys[i]
	}
	all := m.enter(in.tasks)
	for _, e := range all {
		if e.state != over {
			m.resume(e)
		}
	}
	m.effect(reply{to: in.to})
}

// enter makes entries of the restored tasks and puts them into their slots: the owner, the head, and
// then by order of admission.
func (m *machine) enter(tasks []Restored) []*entry {
	all := make([]*entry, 0, len(tasks))
	for _, r := range tasks {
		e := &entry{task: r.Task, book: r.Book, state: queued}
		e.respec = r.Task.Metadata.Generation > r.Task.Status.ObservedGeneration
		if r.Last != nil && r.Last.Active() {
			run := *r.Last
			e.run = &run
		}
		m.add(e)
		all = append(all, e)
	}
	slices.SortFunc(all, func(a, b *entry) int {
		return cmp.Or(rank(a)-rank(b), cmp.Compare(a.book.Order, b.book.Order))
	})
	for _, e := range all {
		key := e.slotKey()
		s := m.slots[key]
		if s == nil {
			s = &slot{key: key, owner: e}
			m.slots[key] = s
			e.slot = s
			continue
		}
		s.push(e, false)
	}
	return all
}

// rank orders the tasks of a slot before their order of admission does.
func rank(e *entry) int {
	switch {
	case e.book.Owner:
		return 0
	case e.book.Head:
		return 1
	default:
		return 2
	}
}

// slotKey returns the slot that e was in when the host went down.
func (e *entry) slotKey() task.Slot { return cmp.Or(e.book.Slot, e.task.Spec.Slot) }

// resume goes on with a restored task.
func (m *machine) resume(e *entry) {
	switch {
	case e.run != nil:
		e.state = running
		m.settle(e, Result{
			End: policy.LostHost, Failure: &task.Failure{Reason: task.ReasonLost, Message: "the host went down while the attempt was running"},
			Stdout: e.run.StdoutBytes, Stderr: e.run.StderrBytes, Dropped: e.run.Dropped, OutputRef: e.run.OutputRef,
		})
	case e.task.Spec.Workload.Type() == task.Embedded:
		m.finish(e, task.OutcomeLost, task.ReasonHostLost, "the host went down, and with it the code of the task")
	case e.book.Stop != "" && e.owns():
		m.finish(e, task.OutcomeCanceled, e.book.Stop, "")
	case e.book.Stop != "":
		m.finish(e, task.OutcomeRejected, queuedReason(e.book.Stop), "")
	case !e.owns():
	case e.respec:
		m.turnOver(e)
	default:
		m.inherit(e)
		m.resumeWait(e)
	}
}

// resumeWait puts an owner back to sleep that was waiting for a time, at most for the longest wait
// that its spec allows, whatever the clocks say.
func (m *machine) resumeWait(e *entry) {
	if e.task.Status.NextAt.IsZero() || e.state != ready {
		return
	}
	left := min(e.task.Status.NextAt.Sub(m.wall()), longestWait(&e.task.Spec))
	if left > 0 {
		m.wait(e, m.now.Add(left))
	}
}

func longestWait(s *task.Spec) time.Duration {
	return max(s.Backoff.Defaulted().Max.D(), s.Restart.Interval.D(), policy.MaxLossWait)
}

// shutDown is the input that the host stops: nothing new starts and what runs is to end.
type shutDown struct{ taken chan<- struct{} } // closed when it is decided

func (in shutDown) apply(m *machine) {
	m.closing = true
	defer close(in.taken)
	for _, e := range m.entries {
		if e.token != 0 {
			m.atOnce(abortBuild{e.uid()})
			e.token = 0 // its answer is nothing to go by
		}
		if e.state == running {
			m.atOnce(interrupt{e.uid(), task.ReasonShutdown})
		}
	}
}

// abandon is the input that the grace of a shutdown is over. Attempts that were asked to end for the
// task's sake and did not end are given up; the answer names all that are left.
type abandon struct{ to chan<- []task.Name }

func (in abandon) apply(m *machine) {
	var left []task.Name
	for _, e := range slices.SortedFunc(maps.Values(m.entries), func(a, b *entry) int { return cmp.Compare(a.name(), b.name()) }) {
		if e.state != running {
			continue
		}
		left = append(left, e.name())
		if e.book.Stop != "" {
			run := *e.run
			closeRun(&run, Result{End: policy.Stopped}, m.wall())
			m.end(e, event.Ended, &run, m.outcome(task.OutcomeForceAborted, task.ReasonGraceExceeded, "it did not end within the grace"))
		}
	}
	in.to <- left
}

func equalMaps(a, b map[string]string) bool { return maps.Equal(a, b) }
