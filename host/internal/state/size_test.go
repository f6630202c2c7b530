package state

import (
	"fmt"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/soltihq/solti-host/host/internal/event"
	"github.com/soltihq/solti-host/host/internal/store/bolt"
	"github.com/soltihq/solti-host/host/internal/store/memory"
	"github.com/soltihq/solti-host/host/task"
)

// finished makes n finished tasks: names as the host makes them, a thousand slots, three labels.
func finished(n int, each func(event.Record)) {
	for i := range n {
		m := made{
			name: fmt.Sprintf("subprocess-nightly-backup-%d-%d", i%1000, i), slot: fmt.Sprintf("nightly-backup-%d", i%1000),
			phase: task.Succeeded, done: true,
			labels: map[string]string{"team": fmt.Sprint("team-", i%40), "app": fmt.Sprint("app-", i%100), "env": "production"},
		}
		each(ended(m.record(), day, true))
	}
}

func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// TestFinishedTaskTakesFewBytes measures the heap of a view, with everything that it is made of.
func TestFinishedTaskTakesFewBytes(t *testing.T) {
	n, most := uint64(100_000), uint64(400)
	if raceDetector {
		n, most = 5_000, 1_000 // it is slow, and makes everything larger
	}
	before := heap()
	v := newView()
	finished(int(n), func(r event.Record) { v.apply(&r) })
	per := (heap() - before) / n
	t.Logf("%d bytes for each of %d finished tasks", per, n)
	if per > most {
		t.Errorf("%d bytes for each finished task, want at most %d", per, most)
	}
	runtime.KeepAlive(v)
}

// filled returns a state over a store on disk with n finished tasks of one run each.
func filled(b testing.TB, n int) (*State, string) {
	b.Helper()
	dir := filepath.Join(b.TempDir(), "store")
	s, err := bolt.Open(dir, bolt.Options{Reserve: 4096})
	if err != nil {
		b.Fatal(err)
	}
	var group []event.Record
	flush := func() {
		if err := s.Commit(group); err != nil {
			b.Fatal(err)
		}
		group = group[:0]
	}
	finished(n, func(r event.Record) {
		if r.Respec = true; len(group) == 2000 {
			flush()
		}
		group = append(group, r)
	})
	flush()
	st, _, err := Open(s, Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		st.Close(b.Context())
		s.Close()
	})
	return st, dir
}

func BenchmarkOpen(b *testing.B) {
	const n = 100_000
	first, dir := filled(b, n)
	if err := first.Close(b.Context()); err != nil {
		b.Fatal(err)
	}
	if err := first.store.Close(); err != nil {
		b.Fatal(err)
	}
	first.view = nil
	var per uint64
	for b.Loop() {
		before := heap()
		s, err := bolt.Open(dir, bolt.Options{Reserve: 4096})
		if err != nil {
			b.Fatal(err)
		}
		st, _, err := Open(s, Options{})
		if err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		per = (heap() - before) / n
		if err := st.Close(b.Context()); err != nil {
			b.Fatal(err)
		}
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
	b.ReportMetric(float64(per), "B-heap/task")
}

func BenchmarkRead(b *testing.B) {
	st, _ := filled(b, 100_000)
	page := func(q task.Query) func(*testing.B) {
		return func(b *testing.B) {
			for b.Loop() {
				if l, err := st.List(q); err != nil || len(l.Items) == 0 {
					b.Fatal(err)
				}
			}
		}
	}
	b.Run("ListAll100", page(task.Query{}))
	b.Run("ListSlot100", page(task.Query{Slot: "nightly-backup-7"}))
	b.Run("ListLabel100", page(task.Query{Labels: &task.Selector{MatchLabels: map[string]string{"team": "team-3"}}}))
	b.Run("ListPhase100", page(task.Query{Phases: []task.Phase{task.Succeeded}}))
	b.Run("Get", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			n := i % 100_000
			if _, err := st.Get(task.Name(fmt.Sprintf("subprocess-nightly-backup-%d-%d", n%1000, n))); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("Lookup", func(b *testing.B) {
		for b.Loop() {
			st.Lookup("subprocess-nightly-backup-77-77")
		}
	})
}

// BenchmarkApply is the view's part of a task's life: accept, start, end.
func BenchmarkApply(b *testing.B) {
	st := &State{store: memory.New(nil), view: newView()}
	finished(100_000, func(r event.Record) { st.apply([]event.Record{r}) })
	for i := 0; b.Loop(); i++ {
		r := made{name: fmt.Sprintf("subprocess-x-%d", i), slot: "x", labels: map[string]string{"team": "a"}}.record()
		start := next(r, event.Started, func(t *task.Task) { t.Status.Phase = task.Running })
		st.apply([]event.Record{r})
		st.apply([]event.Record{start})
		st.apply([]event.Record{ended(r, day, true)})
	}
}
