package state

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"

	"github.com/hashicorp/go-hclog"

	"github.com/soltihq/solti-host/host/internal/event"
	"github.com/soltihq/solti-host/host/internal/store"
	"github.com/soltihq/solti-host/host/task"
)

// Options are what a [State] can work without.
type Options struct {
	// Publish is called with the records of each unit, after the view has changed and before the unit
	// is answered, from the committer's goroutine. It must be quick.
	Publish  func([]event.Record)
	Observer store.Observer // of the committer
	Logger   hclog.Logger
}

// Restored is what the store held when the state was opened.
type Restored struct {
	Live []store.Item // the tasks that are not over, by Book.Order
	Meta store.Meta   // Damaged includes tasks whose name another task has
}

// A State is the view, and the journal in front of it.
type State struct {
	store     store.Store
	committer *store.Committer
	publish   func([]event.Record)
	log       hclog.Logger
	epoch     string

	mu       sync.RWMutex
	view     *view                      // guarded by mu
	watched  map[task.UID]chan struct{} // guarded by mu; only tasks that somebody watches
	revision uint64                     // guarded by mu; records applied since the store was made

	sweep sweep
}

// Open reads the store into a view and starts the committer. The store stays the caller's, who closes it
// after Close.
func Open(s store.Store, o Options) (*State, Restored, error) {
	if o.Logger == nil {
		o.Logger = hclog.NewNullLogger()
	}
	if o.Publish == nil {
		o.Publish = func([]event.Record) {}
	}
	v := newView()
	var restored Restored
	var twice []store.Damage
	meta, err := s.Load(func(it store.Item) error {
		if old := v.named(it.Task.Metadata.Name); old != nil {
			twice = append(twice, displaced(old, it.Task))
			v.drop(old)
			restored.Live = slices.DeleteFunc(restored.Live, func(it store.Item) bool { return it.Task.Metadata.UID == old.uid })
		}
		v.restore(it)
		if !it.Task.Status.Done() {
			restored.Live = append(restored.Live, it)
		}
		return nil
	})
	if err != nil {
		return nil, Restored{}, fmt.Errorf("read the state: %w", err)
	}
	slices.SortFunc(restored.Live, func(a, b store.Item) int { return cmp.Compare(a.Book.Order, b.Book.Order) })
	meta.Damaged = append(meta.Damaged, twice...)
	restored.Meta = meta
	return &State{
		store:     s,
		committer: store.NewCommitter(s, store.CommitterOptions{Observer: o.Observer}),
		publish:   o.Publish,
		log:       o.Logger,
		epoch:     meta.Epoch,
		view:      v,
		watched:   make(map[task.UID]chan struct{}),
		revision:  meta.Records,
	}, restored, nil
}

// displaced says that a task is left out because a later one has its name.
func displaced(old *entry, by *task.Task) store.Damage {
	return store.Damage{
		Bucket: "tasks",
		Key:    old.uid.String(),
		Err:    fmt.Errorf("%w: task %s has the name of task %s", store.ErrCorrupt, old.uid, by.Metadata.UID),
	}
}

// Append makes records durable together, shows them in the view, publishes them, and calls done, which
// may be nil; see [store.Committer.Append]. If done gets an error, nothing of it has happened.
func (s *State) Append(unit []event.Record, done func(error)) {
	s.committer.Append(unit, func(err error) {
		if err == nil {
			s.apply(unit)
			s.publish(unit)
		}
		if done != nil {
			done(err)
		}
	})
}

// Accepting returns nil if a submission may be appended now; see [store.Committer.Accepting].
func (s *State) Accepting() error { return s.committer.Accepting() }

// Err returns why nothing can be written at the moment, or nil; see [store.Committer.Err].
func (s *State) Err() error { return s.committer.Err() }

// Close waits until what was appended is durable and answered. When ctx ends first, the rest is answered
// with an error. The view can be read on.
func (s *State) Close(ctx context.Context) error { return s.committer.Close(ctx) }

// apply changes the view.
func (s *State) apply(unit []event.Record) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range unit {
		r := &unit[i]
		s.view.apply(r)
		if len(s.watched) == 0 {
			continue
		}
		uid := r.Task.Metadata.UID
		if changed, ok := s.watched[uid]; ok {
			delete(s.watched, uid)
			close(changed)
		}
	}
	s.revision += uint64(len(unit))
}

// Lookup returns the UID of the task with that name, and whether it is over.
func (s *State) Lookup(name task.Name) (uid task.UID, done, ok bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	e := s.view.named(name)
	if e == nil {
		return task.UID{}, false, false
	}
	return e.uid, e.live == nil, true
}

// Get returns the task with that name, or an error wrapping task.ErrNotFound.
func (s *State) Get(name task.Name) (*task.Task, error) {
	s.mu.RLock()
	e, ok := s.view.copyOf(s.view.named(name))
	s.mu.RUnlock()
	if !ok {
		return nil, fmt.Errorf("task %s: %w", name, task.ErrNotFound)
	}
	return s.whole(&e)
}

// GetUID returns the task with that UID, or an error wrapping task.ErrNotFound.
func (s *State) GetUID(uid task.UID) (*task.Task, error) {
	s.mu.RLock()
	e, ok := s.view.copyOf(s.view.byUID[uid])
	s.mu.RUnlock()
	if !ok {
		return nil, fmt.Errorf("task %s: %w", uid, task.ErrNotFound)
	}
	return s.whole(&e)
}

// Kept reports whether a run of a task is kept: from when its start is durable until it is forgotten.
func (s *State) Kept(uid task.UID, attempt int) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	e := s.view.byUID[uid]
	return e != nil && e.runs() > 0 && attempt >= int(e.first) && attempt <= int(e.last)
}

// whole returns the task of an entry.
func (s *State) whole(e *entry) (*task.Task, error) {
	if e.live != nil {
		return e.live, nil
	}
	t, err := s.store.Task(e.uid)
	if errors.Is(err, task.ErrNotFound) {
		return nil, fmt.Errorf("task %s: %w", e.name, task.ErrNotFound)
	}
	return t, err
}

// CountByPhase returns how many tasks are in each phase that has any. The host's own do not count.
func (s *State) CountByPhase() map[task.Phase]int {
	s.mu.RLock()
	defer s.mu.RUnlock()
	counts := make(map[task.Phase]int, len(task.Phases))
	for i, n := range s.view.phases {
		if n > 0 && i < len(task.Phases) {
			counts[task.Phases[i]] = n
		}
	}
	return counts
}

// Watch returns a task and a channel that is closed when it has changed since, or is gone. It returns an
// error wrapping task.ErrNotFound if there is no such task.
func (s *State) Watch(uid task.UID) (t *task.Task, changed <-chan struct{}, err error) {
	s.mu.Lock()
	e, ok := s.view.copyOf(s.view.byUID[uid])
	if ok {
		changed = s.watch(uid)
	}
	s.mu.Unlock()
	if !ok {
		return nil, nil, fmt.Errorf("task %s: %w", uid, task.ErrNotFound)
	}
	if t, err = s.whole(&e); err != nil {
		return nil, nil, err
	}
	return t, changed, nil
}

// watch returns the channel of a task. One channel serves all who watch it. Called with mu.
func (s *State) watch(uid task.UID) <-chan struct{} {
	c, ok := s.watched[uid]
	if !ok {
		c = make(chan struct{})
		s.watched[uid] = c
	}
	return c
}

// version returns the resource version of collections at that revision.
func (s *State) version(revision uint64) string {
	return s.epoch + "." + strconv.FormatUint(revision, 10)
}
