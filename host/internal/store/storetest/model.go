package storetest

import (
	"bytes"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"testing"

	"github.com/soltihq/solti-host/host/internal/event"
	"github.com/soltihq/solti-host/host/internal/store"
	"github.com/soltihq/solti-host/host/task"
)

// A Model is what a store must hold, kept in the plainest way.
type Model struct {
	tasks   map[task.UID]event.Record // the last record with an image
	runs    map[task.UID]map[int]task.Run
	keys    map[string]event.Key
	count   event.Counters
	records uint64
}

// NewModel returns the model of an empty store.
func NewModel() *Model {
	return &Model{
		tasks: make(map[task.UID]event.Record),
		runs:  make(map[task.UID]map[int]task.Run),
		keys:  make(map[string]event.Key),
	}
}

// Apply does what Commit must do.
func (m *Model) Apply(records ...event.Record) {
	for _, r := range records {
		m.records++
		m.count.Run = max(m.count.Run, r.Count.Run)
		m.count.Name = max(m.count.Name, r.Count.Name)
		m.count.Order = max(m.count.Order, r.Count.Order)
		if r.Key != nil {
			m.keys[r.Key.Text] = *r.Key
		}
		uid := r.Task.Metadata.UID
		switch r.Kind {
		case event.Removed:
			delete(m.tasks, uid)
			delete(m.runs, uid)
			continue
		case event.Pruned:
			maps.DeleteFunc(m.runs[uid], func(attempt int, _ task.Run) bool { return attempt <= r.Through })
			continue
		}
		m.tasks[uid] = r
		if r.Run != nil {
			if m.runs[uid] == nil {
				m.runs[uid] = make(map[int]task.Run)
			}
			m.runs[uid][r.Run.Attempt] = *r.Run
		}
	}
}

func (m *Model) uids() []task.UID {
	return slices.SortedFunc(maps.Keys(m.tasks), func(a, b task.UID) int { return bytes.Compare(a[:], b[:]) })
}

// runsOf returns the runs of a task, oldest first.
func (m *Model) runsOf(uid task.UID) []task.Run {
	var runs []task.Run
	for _, attempt := range slices.Sorted(maps.Keys(m.runs[uid])) {
		runs = append(runs, m.runs[uid][attempt])
	}
	return runs
}

// Check compares a store with the model. Load may be called by it only if load is set.
func (m *Model) Check(t testing.TB, s store.Store, load bool) {
	t.Helper()
	for _, uid := range m.uids() {
		got, err := s.Task(uid)
		if err != nil {
			t.Fatalf("task %s: %v", uid, err)
		}
		equal(t, fmt.Sprintf("task %s", uid), got, m.tasks[uid].Task)
		runs, err := s.Runs(uid, 0, 1<<20)
		if err != nil {
			t.Fatalf("runs of %s: %v", uid, err)
		}
		equal(t, fmt.Sprintf("runs of %s", uid), runs, m.runsOf(uid))
	}
	if load {
		m.checkLoad(t, s)
	}
}

func (m *Model) checkLoad(t testing.TB, s store.Store) {
	t.Helper()
	var items []store.Item
	meta, err := s.Load(func(it store.Item) error {
		items = append(items, it)
		return nil
	})
	if err != nil {
		t.Fatalf("Load: %v", err)
	}
	uids := m.uids()
	if len(items) != len(uids) {
		t.Fatalf("Load found %d tasks, want %d", len(items), len(uids))
	}
	for i, uid := range uids {
		m.checkItem(t, items[i], m.tasks[uid])
	}
	if meta.Epoch == "" || len(meta.Damaged) > 0 {
		t.Errorf("meta has epoch %q and damage %v", meta.Epoch, meta.Damaged)
	}
	equal(t, "counters", meta.Count, m.count)
	equal(t, "records", meta.Records, m.records)
	var keys []event.Key
	for _, text := range slices.Sorted(maps.Keys(m.keys)) {
		keys = append(keys, m.keys[text])
	}
	equal(t, "keys", meta.Keys, keys)
}

func (m *Model) checkItem(t testing.TB, it store.Item, want event.Record) {
	t.Helper()
	equal(t, "book", it.Book, want.Book)
	runs := m.runsOf(want.Task.Metadata.UID)
	if len(runs) == 0 {
		if it.First != nil || it.Last != nil {
			t.Errorf("Load found runs of a task that has none")
		}
	} else {
		equal(t, "first run", it.First, &runs[0])
		equal(t, "last run", it.Last, &runs[len(runs)-1])
	}
	if !want.Task.Status.Done() {
		equal(t, "live task", it.Task, want.Task)
		return
	}
	if got := it.Task.Spec; len(got.Workload.Spec) > 0 || got.Slot != want.Task.Spec.Slot {
		t.Errorf("Load found spec %+v of a task that is over, want only slot %q", got, want.Task.Spec.Slot)
	}
	equal(t, "status", it.Task.Status, want.Task.Status)
	equal(t, "labels", it.Task.Metadata.Labels, want.Task.Metadata.Labels)
	equal(t, "name", it.Task.Metadata.Name, want.Task.Metadata.Name)
}

func equal(t testing.TB, what string, got, want any) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("%s:\n got %s\nwant %s", what, show(got), show(want))
	}
}

func show(v any) string {
	s := fmt.Sprintf("%+v", v)
	if r := reflect.ValueOf(v); r.Kind() == reflect.Pointer && !r.IsNil() {
		s = fmt.Sprintf("%+v", r.Elem())
	}
	if len(s) > 2000 {
		s = s[:2000] + "..."
	}
	return s
}
