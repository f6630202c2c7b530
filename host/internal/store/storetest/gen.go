package storetest

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"pgregory.net/rapid"

	"github.com/soltihq/solti-host/host/internal/event"
	"github.com/soltihq/solti-host/host/task"
)

// Epoch0 is the time at which the histories of this package begin.
var Epoch0 = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// A History makes records as a supervisor would: with revisions that grow, attempts without gaps, and
// images that are whole.
type History struct {
	now   time.Time
	seq   byte
	count event.Counters
	live  map[task.UID]*event.Record // the last record of each task
	runs  map[task.UID]task.Run      // the last run of each task
}

// NewHistory returns a history in which nothing has happened.
func NewHistory() *History {
	return &History{now: Epoch0, live: make(map[task.UID]*event.Record), runs: make(map[task.UID]task.Run)}
}

func (h *History) tick() time.Time {
	h.now = h.now.Add(137 * time.Millisecond)
	return h.now
}

// Accept accepts a task with a spec of so many bytes.
func (h *History) Accept(name string, size int) event.Record {
	at := h.tick()
	h.seq++
	h.count.Order++
	h.count.Name++
	uid := h.uid(at)
	retries := 3
	t := &task.Task{
		APIVersion: task.APIVersion,
		Kind:       task.KindTask,
		Metadata: task.Metadata{
			Name: task.Name(name), UID: uid, Generation: 1, ResourceVersion: "e.1", CreationTimestamp: at,
			Labels:      map[string]string{"team": "infra", "n": fmt.Sprint(h.seq)},
			Annotations: map[string]string{"note": "für alle: 任务 ✓"},
		},
		Spec: task.Spec{
			Slot:       task.Slot(fmt.Sprintf("slot-%d", h.seq%4)),
			Workload:   task.Workload{APIVersion: task.APIVersion, Kind: "Subprocess", Spec: blob(size)},
			Timeout:    task.Duration(time.Minute),
			Restart:    task.Restart{Policy: task.Always, Interval: task.Duration(time.Second)},
			Backoff:    &task.Backoff{First: task.Duration(time.Second), Max: task.Duration(time.Hour), Factor: 1.5, Jitter: task.Equal},
			Admission:  task.Queue,
			MaxRetries: &retries,
			RunnerSelector: &task.Selector{
				MatchLabels:      map[string]string{"zone": "eu", "arch": "arm64"},
				MatchExpressions: []task.Requirement{{Key: "gpu", Operator: task.In, Values: []string{"", "a100"}}, {Key: "old", Operator: task.DoesNotExist}},
			},
		},
		Status: task.Status{ObservedGeneration: 1, Phase: task.Pending, Waiting: "slot"},
	}
	return h.record(event.Record{
		Kind: event.Accepted, At: at, Task: t, Respec: true, Count: h.count,
		Book: event.Book{Revision: 1, Order: h.count.Order},
		Key:  &event.Key{Text: "key-" + name, Digest: [32]byte{h.seq}, UID: uid, Expires: at.Add(24 * time.Hour)},
	})
}

// uid returns the same UID in the same place of every history.
func (h *History) uid(at time.Time) task.UID {
	uid := task.NewUID(at)
	copy(uid[6:], []byte{0x70, h.seq, 0x80, 1, 2, 3, 4, 5, 6, 7})
	return uid
}

func blob(size int) []byte {
	const frame = `{"command":""}`
	return []byte(frame[:len(frame)-2] + strings.Repeat("x", max(0, size-len(frame))) + `"}`)
}

func (h *History) record(r event.Record) event.Record {
	h.live[r.Task.Metadata.UID] = &r
	return r
}

// next begins the next record of a task, on copies of what the last one points to.
func (h *History) next(kind event.Kind, uid task.UID) event.Record {
	r := *h.live[uid]
	t := *r.Task
	r.Kind, r.At, r.Task, r.Run, r.Key, r.Respec = kind, h.tick(), &t, nil, nil, false
	r.Book.Revision++
	t.Metadata.ResourceVersion = fmt.Sprintf("e.%d", r.Book.Revision)
	return r
}

// Start begins the next attempt of a task.
func (h *History) Start(uid task.UID) event.Record {
	r := h.next(event.Started, uid)
	h.count.Run++
	r.Count = h.count
	run := task.Run{
		Attempt: r.Task.Status.Attempt + 1, Generation: r.Task.Metadata.Generation,
		RunID:  task.RunID(fmt.Sprintf("subprocess-%s-%d", r.Task.Spec.Slot, h.count.Run)),
		Runner: "subprocess", Workload: r.Task.Spec.Workload.Type().String(), Phase: task.Running, StartedAt: r.At,
	}
	r.Run, r.Book.Owner = &run, true
	h.runs[uid] = run
	r.Task.Status = task.Status{
		ObservedGeneration: run.Generation, Phase: task.Running, Attempt: run.Attempt, Runner: run.Runner, RunID: run.RunID,
	}
	return h.record(r)
}

// Note gives facts to the attempt that runs.
func (h *History) Note(uid task.UID, facts map[string]string) event.Record {
	r := h.next(event.Noted, uid)
	run := h.runs[uid]
	run.Facts = facts
	r.Run = &run
	h.runs[uid] = run
	return h.record(r)
}

// End ends the attempt that runs, and the task with it if final.
func (h *History) End(uid task.UID, final bool) event.Record {
	r := h.next(event.Ended, uid)
	run, code := h.runs[uid], 7
	run.FinishedAt, run.Phase, run.ExitCode, run.Signal = r.At, task.Failed, &code, "SIGKILL"
	run.Error = &task.Failure{Reason: task.ReasonExit, Message: "exit status 7", Violations: []task.FieldError{{Path: "spec.slot", Message: "no"}}}
	run.StdoutBytes, run.StderrBytes, run.Dropped, run.OutputRef = 1<<40, 3, 1, []byte{0, 1, 0xff}
	r.Run = &run
	h.runs[uid] = run
	s := &r.Task.Status
	s.Phase, s.ExitCode, s.Signal, s.Error = run.Phase, run.ExitCode, run.Signal, run.Error
	r.Book.Streak++
	if final {
		s.Outcome = &task.Outcome{Kind: task.OutcomeFailed, Reason: task.ReasonRetriesSpent, Message: "spent", FinishedAt: r.At}
		r.Book.Owner = false
	} else {
		s.NextAt, s.Waiting = r.At.Add(time.Second), "backoff"
	}
	return h.record(r)
}

// Stop asks a task to end.
func (h *History) Stop(uid task.UID) event.Record {
	r := h.next(event.Stopping, uid)
	r.Task.Metadata.DeletionTimestamp = r.At
	r.Book.Stop = task.ReasonDeleted
	return h.record(r)
}

// Finish ends a task that does not run.
func (h *History) Finish(uid task.UID) event.Record {
	r := h.next(event.Finished, uid)
	r.Task.Status.Phase = task.Canceled
	r.Task.Status.Outcome = &task.Outcome{Kind: task.OutcomeRejected, Reason: task.ReasonRemoved, FinishedAt: r.At}
	return h.record(r)
}

// Apply gives a task a new generation.
func (h *History) Apply(uid task.UID, size int) event.Record {
	r := h.next(event.Updated, uid)
	r.Respec = true
	r.Task.Metadata.Generation++
	r.Task.Metadata.Labels = map[string]string{"team": "data"}
	r.Task.Spec.Workload.Spec = blob(size)
	r.Task.Spec.Backoff, r.Task.Spec.MaxRetries, r.Task.Spec.RunnerSelector = nil, nil, &task.Selector{}
	return h.record(r)
}

// Prune forgets the runs of a task up to an attempt.
func (h *History) Prune(uid task.UID, through int) event.Record {
	t := &task.Task{Metadata: task.Metadata{UID: uid, Name: h.live[uid].Task.Metadata.Name}}
	return event.Record{Kind: event.Pruned, At: h.tick(), Task: t, Through: through}
}

// Remove forgets a task.
func (h *History) Remove(uid task.UID) event.Record {
	t := &task.Task{Metadata: task.Metadata{UID: uid, Name: h.live[uid].Task.Metadata.Name}}
	delete(h.live, uid)
	delete(h.runs, uid)
	return event.Record{Kind: event.Removed, At: h.tick(), Task: t}
}

// Draw returns a record that may follow, chosen at random.
func (h *History) Draw(t *rapid.T) event.Record {
	uids := slices.SortedFunc(maps.Keys(h.live), func(a, b task.UID) int { return strings.Compare(string(a[:]), string(b[:])) })
	if len(uids) == 0 || len(uids) < 8 && rapid.IntRange(0, 3).Draw(t, "new") == 0 {
		return h.Accept(fmt.Sprintf("task-%d", h.count.Name), rapid.SampledFrom([]int{20, 200, 9000}).Draw(t, "size"))
	}
	uid := rapid.SampledFrom(uids).Draw(t, "task")
	status := h.live[uid].Task.Status
	run, ran := h.runs[uid]
	active := ran && run.Active()
	switch pick := rapid.IntRange(0, 9).Draw(t, "step"); {
	case pick == 0:
		return h.Apply(uid, 60)
	case pick == 1 && !status.Done():
		return h.Stop(uid)
	case pick == 2 && !active && ran:
		return h.Prune(uid, rapid.IntRange(1, run.Attempt).Draw(t, "through"))
	case pick == 3 && status.Done():
		return h.Remove(uid)
	case active && run.Facts == nil && pick > 6:
		return h.Note(uid, map[string]string{"module": "sha256:0", "mounts": strings.Repeat("m", 10*pick)})
	case active:
		return h.End(uid, pick%2 == 0)
	case status.Done():
		return h.Apply(uid, 30)
	case pick == 4:
		return h.Finish(uid)
	default:
		return h.Start(uid)
	}
}
