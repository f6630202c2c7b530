// Package storetest is what every [store.Store] must pass, and what helps to test one: a [History]
// that makes records as the supervisor does, and a [Model] that says what a store must hold then.
package storetest

import (
	"bytes"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/soltihq/solti-host/host/internal/event"
	"github.com/soltihq/solti-host/host/internal/store"
	"github.com/soltihq/solti-host/host/task"
)

// A Maker makes the stores that are tested.
type Maker struct {
	// Open opens the store in dir, which is empty at first. Now tells its time.
	Open func(t testing.TB, dir string, now func() time.Time) store.Store
	// Durable says that a store that is closed and opened again is the same.
	Durable bool
}

// now is a time at which no key of a History has expired.
func now() time.Time { return Epoch0.Add(time.Hour) }

func (m Maker) open(t testing.TB) store.Store {
	s := m.Open(t, t.TempDir(), now)
	t.Cleanup(func() { closeStore(t, s) })
	return s
}

func closeStore(t testing.TB, s store.Store) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
}

func commit(t testing.TB, s store.Store, records ...event.Record) {
	t.Helper()
	if err := s.Commit(records); err != nil {
		t.Fatalf("Commit: %v", err)
	}
}

// Run runs the suite.
func Run(t *testing.T, m Maker) {
	tests := []struct {
		name string
		run  func(*testing.T, Maker)
	}{
		{"KeepsWhatWasCommitted", testKeeps},
		{"MergesStepsOfOneTransaction", testMerges},
		{"PagesRuns", testRuns},
		{"PrunesWithoutLosingStatus", testPrunes},
		{"RemovesWithRuns", testRemoves},
		{"ForgetsExpiredKeys", testKeys},
		{"TakesTheHighestRevision", testRevision},
		{"ReadsWhileWriting", testReaders},
		{"TakesHugeSpecs", testHuge},
		{"RefusesAfterClose", testClosed},
		{"StopsLoadingOnError", testLoadError},
		{"AgreesWithModel", testModel},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { tt.run(t, m) })
	}
}

func testKeeps(t *testing.T, m Maker) {
	s, h, want := m.open(t), NewHistory(), NewModel()
	a, b := h.Accept("a", 100), h.Accept("b", 100)
	uid := a.Task.Metadata.UID
	steps := []event.Record{
		a, b, h.Start(uid), h.End(uid, false), h.Stop(uid), h.Finish(uid), h.Apply(b.Task.Metadata.UID, 50),
	}
	for _, r := range steps {
		commit(t, s, r)
		want.Apply(r)
		want.Check(t, s, false)
	}
	want.Check(t, s, true)
	if _, err := s.Task(task.NewUID(Epoch0)); !errors.Is(err, task.ErrNotFound) {
		t.Errorf("Task of an unknown UID: %v, want task.ErrNotFound", err)
	}
	if runs, err := s.Runs(task.NewUID(Epoch0), 0, 10); err != nil || len(runs) > 0 {
		t.Errorf("Runs of an unknown UID: %v, %v", runs, err)
	}
}

func testMerges(t *testing.T, m Maker) {
	s, h, want := m.open(t), NewHistory(), NewModel()
	a := h.Accept("a", 10)
	uid := a.Task.Metadata.UID
	gone := h.Accept("gone", 10)
	group := []event.Record{
		a, gone, h.Start(uid), h.End(uid, false), h.Start(uid), h.End(uid, false), h.Start(uid),
		h.Start(gone.Task.Metadata.UID), h.End(gone.Task.Metadata.UID, true), h.Remove(gone.Task.Metadata.UID),
		h.Prune(uid, 1), h.Apply(uid, 20),
	}
	commit(t, s, group...)
	want.Apply(group...)
	want.Check(t, s, true)
}

func testRuns(t *testing.T, m Maker) {
	s, h := m.open(t), NewHistory()
	a, b := h.Accept("a", 10), h.Accept("b", 10)
	commit(t, s, a, b)
	uid, other := a.Task.Metadata.UID, b.Task.Metadata.UID
	for range 30 {
		var group []event.Record
		for range 10 {
			group = append(group, h.Start(uid), h.End(uid, false))
		}
		commit(t, s, group...)
	}
	commit(t, s, h.Start(other))
	for _, tt := range []struct{ after, limit, first, n int }{
		{0, 10, 1, 10}, {10, 10, 11, 10}, {255, 2, 256, 2}, {295, 10, 296, 5}, {300, 10, 0, 0}, {0, 0, 0, 0}, {-5, 1, 1, 1}, {0, 1000, 1, 300},
	} {
		runs, err := s.Runs(uid, tt.after, tt.limit)
		if err != nil || len(runs) != tt.n {
			t.Fatalf("Runs(%d, %d): %d runs, %v; want %d", tt.after, tt.limit, len(runs), err, tt.n)
		}
		for i, r := range runs {
			if r.Attempt != tt.first+i {
				t.Fatalf("Runs(%d, %d): run %d has attempt %d", tt.after, tt.limit, i, r.Attempt)
			}
		}
	}
}

func testPrunes(t *testing.T, m Maker) {
	s, h, want := m.open(t), NewHistory(), NewModel()
	a := h.Accept("a", 10)
	uid := a.Task.Metadata.UID
	records := []event.Record{a, h.Start(uid), h.End(uid, false), h.Start(uid), h.End(uid, true)}
	for _, r := range append(records, h.Prune(uid, 1), h.Prune(uid, 2)) {
		commit(t, s, r)
		want.Apply(r)
		want.Check(t, s, false)
	}
	want.Check(t, s, true)
	r := h.Apply(uid, 10)
	commit(t, s, r, h.Prune(uid, 9))
	want.Apply(r, h.Prune(uid, 9))
	want.Check(t, s, true)
}

func testRemoves(t *testing.T, m Maker) {
	s, h, want := m.open(t), NewHistory(), NewModel()
	a, b := h.Accept("a", 10), h.Accept("b", 10)
	uid := a.Task.Metadata.UID
	records := []event.Record{a, b, h.Start(uid), h.End(uid, false), h.Stop(uid), h.Finish(uid), h.Remove(uid)}
	for _, r := range records {
		commit(t, s, r)
		want.Apply(r)
	}
	want.Check(t, s, true)
	if _, err := s.Task(uid); !errors.Is(err, task.ErrNotFound) {
		t.Errorf("Task after its removal: %v", err)
	}
	if runs, err := s.Runs(uid, 0, 10); err != nil || len(runs) > 0 {
		t.Errorf("Runs after the removal: %d, %v", len(runs), err)
	}
	commit(t, s, event.Record{Kind: event.Pruned, Task: a.Task, Through: 3}, event.Record{Kind: event.Removed, Task: a.Task})
}

func testKeys(t *testing.T, m Maker) {
	at := Epoch0
	s := m.Open(t, t.TempDir(), func() time.Time { return at })
	t.Cleanup(func() { closeStore(t, s) })
	h := NewHistory()
	old := h.Accept("old", 10)
	commit(t, s, old)
	at = at.Add(23 * time.Hour)
	young := h.Accept("young", 10)
	young.Key.Expires = at.Add(24 * time.Hour)
	commit(t, s, young)
	at = at.Add(2 * time.Hour)
	commit(t, s, h.Start(young.Task.Metadata.UID))
	meta, err := s.Load(func(store.Item) error { return nil })
	if err != nil || len(meta.Keys) != 1 || meta.Keys[0] != *young.Key {
		t.Errorf("keys after 25 hours: %+v, %v; want only the young one", meta.Keys, err)
	}
}

func testRevision(t *testing.T, m Maker) {
	s, h := m.open(t), NewHistory()
	a := h.Accept("a", 10)
	uid := a.Task.Metadata.UID
	started, stopping, ended := h.Start(uid), h.Stop(uid), h.End(uid, true)
	for _, r := range []event.Record{a, started, stopping, ended} {
		commit(t, s, r)
		got, err := s.Task(uid)
		if err != nil || got.Metadata.ResourceVersion != r.Task.Metadata.ResourceVersion {
			t.Fatalf("after %d: %v, %v; want version %s", r.Kind, got, err, r.Task.Metadata.ResourceVersion)
		}
	}
}

func testReaders(t *testing.T, m Maker) {
	s, h := m.open(t), NewHistory()
	a := h.Accept("a", 1000)
	uid := a.Task.Metadata.UID
	commit(t, s, a)
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			last := 0
			for {
				select {
				case <-stop:
					return
				default:
				}
				got, err := s.Task(uid)
				if err != nil || got.Status.Attempt < last {
					t.Errorf("attempt %d after %d, %v", got.Status.Attempt, last, err)
					return
				}
				last = got.Status.Attempt
				runs, err := s.Runs(uid, last-1, 1)
				if err != nil || last > 0 && len(runs) == 0 {
					t.Errorf("attempt %d has no run, %v", last, err)
					return
				}
			}
		})
	}
	for range 100 {
		commit(t, s, h.Start(uid))
		commit(t, s, h.End(uid, false))
	}
	close(stop)
	wg.Wait()
}

func testHuge(t *testing.T, m Maker) {
	s, h, want := m.open(t), NewHistory(), NewModel()
	r := h.Accept("huge", 4<<20)
	r.Task.Metadata.Annotations = map[string]string{"big": string(bytes.Repeat([]byte("ü"), 100_000)), "": "empty key", "k": ""}
	long := h.Accept("long", 10)
	long.Key.Text = string(bytes.Repeat([]byte("k"), 100_000))
	commit(t, s, r, long)
	want.Apply(r, long)
	want.Check(t, s, true)
}

func testClosed(t *testing.T, m Maker) {
	s := m.Open(t, t.TempDir(), now)
	closeStore(t, s)
	if err := s.Commit([]event.Record{NewHistory().Accept("a", 10)}); !errors.Is(err, store.ErrBroken) {
		t.Errorf("Commit after Close: %v, want store.ErrBroken", err)
	}
}

func testLoadError(t *testing.T, m Maker) {
	s, h := m.open(t), NewHistory()
	commit(t, s, h.Accept("a", 10), h.Accept("b", 10))
	mine, calls := errors.New("mine"), 0
	_, err := s.Load(func(store.Item) error {
		calls++
		return mine
	})
	if !errors.Is(err, mine) || calls != 1 {
		t.Errorf("Load: %v after %d calls, want the callback's error after 1", err, calls)
	}
}

// testModel commits random histories in random groups. Whatever prefix of the groups was committed, the
// store agrees with the model, also after it was opened again.
func testModel(t *testing.T, m Maker) {
	base, n := t.TempDir(), 0
	rapid.Check(t, func(rt *rapid.T) {
		n++
		dir := fmt.Sprintf("%s/%d", base, n)
		s, h, want := m.Open(t, dir, now), NewHistory(), NewModel()
		defer func() { closeStore(t, s) }()
		for range rapid.IntRange(1, 8).Draw(rt, "groups") {
			var group []event.Record
			for range rapid.IntRange(1, 10).Draw(rt, "records") {
				group = append(group, h.Draw(rt))
			}
			commit(t, s, group...)
			want.Apply(group...)
			if m.Durable && rapid.IntRange(0, 4).Draw(rt, "reopen") == 0 {
				closeStore(t, s)
				s = m.Open(t, dir, now)
				want.Check(t, s, true)
			}
		}
		if m.Durable {
			closeStore(t, s)
			s = m.Open(t, dir, now)
		}
		want.Check(t, s, true)
	})
}
