package state

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/soltihq/solti-host/host/internal/event"
	"github.com/soltihq/solti-host/host/internal/store"
	"github.com/soltihq/solti-host/host/internal/store/memory"
	"github.com/soltihq/solti-host/host/task"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var day = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// A bundle is a state over a store in memory, with what it published.
type bundle struct {
	*State
	t     testing.TB
	store store.Store

	mu        sync.Mutex
	published []event.Record // guarded by mu
}

func setup(t testing.TB) *bundle {
	b, _ := open(t, memory.New(func() time.Time { return day }))
	return b
}

func open(t testing.TB, s store.Store) (*bundle, Restored) {
	t.Helper()
	b := &bundle{t: t, store: s}
	st, restored, err := Open(s, Options{Publish: b.publish})
	if err != nil {
		t.Fatal(err)
	}
	b.State = st
	t.Cleanup(func() {
		if err := st.Close(t.Context()); err != nil && t.Context().Err() == nil {
			t.Errorf("Close: %v", err)
		}
	})
	return b, restored
}

func (b *bundle) publish(records []event.Record) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.published = append(b.published, records...)
}

// do appends a unit and waits for it.
func (b *bundle) do(unit ...event.Record) {
	b.t.Helper()
	done := make(chan error, 1)
	b.Append(unit, func(err error) { done <- err })
	if err := <-done; err != nil {
		b.t.Fatal(err)
	}
}

// made is a task to be stored.
type made struct {
	name   string
	slot   string
	phase  task.Phase
	labels map[string]string
	done   bool
	system bool
}

var (
	uidMu  sync.Mutex
	uidSeq int64
)

// record is the accept of a task as m says, which may be over at once.
func (m made) record() event.Record {
	uidMu.Lock()
	uidSeq++
	uid := task.NewUID(day.Add(time.Duration(uidSeq) * time.Millisecond))
	uidMu.Unlock()
	t := &task.Task{
		APIVersion: task.APIVersion, Kind: task.KindTask,
		Metadata: task.Metadata{Name: task.Name(m.name), UID: uid, Generation: 1, CreationTimestamp: day, Labels: m.labels},
		Spec: task.Spec{
			Slot:     task.Slot(m.slot),
			Workload: task.Workload{APIVersion: task.APIVersion, Kind: "Subprocess", Spec: []byte(`{"command":"/bin/true"}`)},
		},
		Status: task.Status{Phase: m.phase},
	}
	if m.phase == "" {
		t.Status.Phase = task.Pending
	}
	if m.done {
		t.Status.Outcome = &task.Outcome{Kind: task.OutcomeCompleted, Reason: task.ReasonSucceeded, FinishedAt: day}
	}
	return event.Record{Kind: event.Accepted, At: day, Task: t, Respec: true, Book: event.Book{Revision: 1, System: m.system}}
}

// next is the record after r of the same task, on copies.
func next(r event.Record, kind event.Kind, change func(*task.Task)) event.Record {
	t := *r.Task
	r.Kind, r.Task, r.Run, r.Respec = kind, &t, nil, false
	r.Book.Revision++
	if change != nil {
		change(&t)
	}
	return r
}

// ended is the start and the end of the next attempt of r's task.
func ended(r event.Record, at time.Time, over bool) event.Record {
	n := r.Task.Status.Attempt + 1
	r = next(r, event.Ended, func(t *task.Task) {
		t.Status = task.Status{Phase: task.Succeeded, Attempt: n}
		if over {
			t.Status.Outcome = &task.Outcome{Kind: task.OutcomeCompleted, FinishedAt: at}
		}
	})
	r.Run = &task.Run{Attempt: n, Phase: task.Succeeded, StartedAt: at, FinishedAt: at}
	return r
}

// faulty is a store whose reads and writes can be made to fail.
type faulty struct {
	store.Store
	mu     sync.Mutex
	commit error
	read   map[task.UID]error
}

func (f *faulty) Commit(r []event.Record) error {
	f.mu.Lock()
	err := f.commit
	f.mu.Unlock()
	if err != nil {
		return err
	}
	return f.Store.Commit(r)
}

func (f *faulty) Task(uid task.UID) (*task.Task, error) {
	if err := f.read[uid]; err != nil {
		return nil, err
	}
	return f.Store.Task(uid)
}

var errDisk = errors.New("input/output error")

func names(l *task.List) []string {
	out := []string{}
	for _, t := range l.Items {
		out = append(out, string(t.Metadata.Name))
	}
	return out
}

func (b *bundle) list(q task.Query) *task.List {
	b.t.Helper()
	l, err := b.List(q)
	if err != nil {
		b.t.Fatalf("List(%+v): %v", q, err)
	}
	return l
}

func wantNames(t testing.TB, got *task.List, want ...string) {
	t.Helper()
	if fmt.Sprint(names(got)) != fmt.Sprint(want) {
		t.Errorf("got %v, want %v", names(got), want)
	}
}
