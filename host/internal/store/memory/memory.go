// Package memory is a [store.Store] that keeps everything in memory: for tests, and for embedders who
// do not want anything to outlive the process. Commit is as atomic and as ordered as on disk, and
// nothing is durable.
package memory

import (
	"bytes"
	"cmp"
	"crypto/rand"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/soltihq/solti-host/host/internal/event"
	"github.com/soltihq/solti-host/host/internal/store"
	"github.com/soltihq/solti-host/host/task"
)

// A Store is a store in memory. Make one with [New].
type Store struct {
	epoch string
	now   func() time.Time

	mu      sync.RWMutex
	tasks   map[task.UID]*row    // guarded by mu
	keys    map[string]event.Key // guarded by mu; by text
	count   event.Counters       // guarded by mu
	records uint64               // guarded by mu
	closed  bool                 // guarded by mu
}

// A row is one task with its runs.
type row struct {
	task *task.Task
	book event.Book
	runs []task.Run // by attempt
}

// New returns an empty store. Now tells the time for the expiry of keys; nil means time.Now.
func New(now func() time.Time) *Store {
	if now == nil {
		now = time.Now
	}
	return &Store{
		epoch: strings.ToLower(rand.Text()[:10]),
		now:   now,
		tasks: make(map[task.UID]*row),
		keys:  make(map[string]event.Key),
	}
}

// Commit applies all records; see [store.Store].
func (s *Store) Commit(records []event.Record) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return fmt.Errorf("%w: it is closed", store.ErrBroken)
	}
	now := s.now()
	maps.DeleteFunc(s.keys, func(_ string, k event.Key) bool { return !k.Expires.After(now) })
	for i := range records {
		s.apply(&records[i])
	}
	s.records += uint64(len(records))
	return nil
}

func (s *Store) apply(r *event.Record) {
	s.count.Run = max(s.count.Run, r.Count.Run)
	s.count.Name = max(s.count.Name, r.Count.Name)
	s.count.Order = max(s.count.Order, r.Count.Order)
	if r.Key != nil {
		s.keys[r.Key.Text] = *r.Key
	}
	uid := r.Task.Metadata.UID
	e := s.tasks[uid]
	switch {
	case r.Kind == event.Removed:
		delete(s.tasks, uid)
		return
	case r.Kind == event.Pruned:
		if e != nil {
			e.runs = slices.DeleteFunc(slices.Clone(e.runs), func(run task.Run) bool { return run.Attempt <= r.Through })
		}
		return
	case e == nil:
		e = new(row)
		s.tasks[uid] = e
	}
	if e.task == nil || r.Book.Revision >= e.book.Revision {
		e.task, e.book = r.Task, r.Book
	}
	if r.Run != nil {
		e.put(*r.Run)
	}
}

func (e *row) put(r task.Run) {
	i, there := slices.BinarySearchFunc(e.runs, r.Attempt, byAttempt)
	if there {
		e.runs = slices.Clone(e.runs)
		e.runs[i] = r
		return
	}
	e.runs = slices.Insert(e.runs, i, r)
}

func byAttempt(r task.Run, attempt int) int { return cmp.Compare(r.Attempt, attempt) }

// Load calls item for every task and returns the rest; see [store.Store].
func (s *Store) Load(item func(store.Item) error) (store.Meta, error) {
	s.mu.RLock()
	meta := store.Meta{Epoch: s.epoch, Count: s.count, Records: s.records}
	now := s.now()
	for _, text := range slices.Sorted(maps.Keys(s.keys)) {
		if k := s.keys[text]; k.Expires.After(now) {
			meta.Keys = append(meta.Keys, k)
		}
	}
	uids := slices.SortedFunc(maps.Keys(s.tasks), func(a, b task.UID) int { return bytes.Compare(a[:], b[:]) })
	items := make([]store.Item, len(uids))
	for i, uid := range uids {
		items[i] = s.tasks[uid].item()
	}
	s.mu.RUnlock()
	for _, it := range items {
		if err := item(it); err != nil {
			return meta, err
		}
	}
	return meta, nil
}

func (e *row) item() store.Item {
	it := store.Item{Task: e.task, Book: e.book}
	if n := len(e.runs); n > 0 {
		first, last := e.runs[0], e.runs[n-1]
		it.First, it.Last = &first, &last
	}
	if e.task.Status.Done() {
		head := *e.task
		head.Metadata.Annotations = nil
		head.Spec = task.Spec{Slot: e.task.Spec.Slot}
		it.Task = &head
	}
	return it
}

// Task returns a task as last committed; see [store.Store].
func (s *Store) Task(uid task.UID) (*task.Task, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	e := s.tasks[uid]
	if e == nil {
		return nil, fmt.Errorf("task %s: %w", uid, task.ErrNotFound)
	}
	return e.task, nil
}

// Runs returns runs of a task, oldest first; see [store.Store].
func (s *Store) Runs(uid task.UID, after, limit int) ([]task.Run, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	e := s.tasks[uid]
	if e == nil || limit <= 0 {
		return nil, nil
	}
	i, _ := slices.BinarySearchFunc(e.runs, after+1, byAttempt)
	if i == len(e.runs) {
		return nil, nil
	}
	return slices.Clone(e.runs[i:min(len(e.runs), i+limit)]), nil
}

// Close ends the store: what it holds can be read still, and nothing be written.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	return nil
}
