package state

import (
	"sync"
	"time"

	"github.com/soltihq/solti-host/host/internal/event"
	"github.com/soltihq/solti-host/host/task"
)

// Retention says how long what is over is kept. A zero field means its default; a negative one means that
// nothing is forgotten for that reason.
type Retention struct {
	RunTTL   time.Duration // a run is kept so long after its end; default 1 h
	TaskTTL  time.Duration // a task is kept so long after its end, and at least while it has runs; default 1 h
	Interval time.Duration // between two sweeps; default 5 min
	MaxRuns  int           // runs kept of one task; default 256
}

// Defaulted returns r with the defaults filled in.
func (r Retention) Defaulted() Retention {
	if r.RunTTL == 0 {
		r.RunTTL = time.Hour
	}
	if r.TaskTTL == 0 {
		r.TaskTTL = time.Hour
	}
	if r.Interval == 0 {
		r.Interval = 5 * time.Minute
	}
	if r.MaxRuns == 0 {
		r.MaxRuns = 256
	}
	return r
}

// chunk is how many entries are looked at with the lock held.
const chunk = 1024

// A sweep is where the search for what has expired goes on.
type sweep struct {
	mu sync.Mutex // held by Expired
	at task.Name  // guarded by mu; the last that was looked at
}

// Expired returns at most limit things to forget: prune has records to append, for runs that have ended
// and are too old or too many; remove has tasks that are over, have no runs left and are too old. A task
// whose runs are pruned is removed by a later call. Each call goes on where the last one stopped; one that
// returns nothing has looked at everything.
//
// Pruning is always safe. A task to be removed may have come to life again since: who removes it decides.
func (s *State) Expired(now time.Time, r Retention, limit int) (prune []event.Record, remove []task.UID) {
	s.sweep.mu.Lock()
	defer s.sweep.mu.Unlock()
	r = r.Defaulted()
	start, wrapped := s.sweep.at, s.sweep.at == ""
	for len(prune)+len(remove) < limit {
		for _, e := range s.overdue(now, r) {
			if wrapped && start != "" && e.name > start {
				return prune, remove // the circle is closed
			}
			if e.runs() == 0 {
				remove = append(remove, e.uid)
			} else if through := s.through(&e, now, r); through >= int(e.first) {
				prune = append(prune, forget(&e, through, now))
			}
			if len(prune)+len(remove) == limit {
				s.sweep.at = e.name
				return prune, remove
			}
		}
		if wrapped && (s.sweep.at == "" || start != "" && s.sweep.at >= start) {
			return prune, remove
		}
		wrapped = wrapped || s.sweep.at == ""
	}
	return prune, remove
}

func forget(e *entry, through int, now time.Time) event.Record {
	t := &task.Task{Metadata: task.Metadata{UID: e.uid, Name: e.name}}
	return event.Record{Kind: event.Pruned, At: now, Task: t, From: int(e.first), Through: through}
}

// overdue looks at the next entries and returns copies of those that may have something to forget. At the
// end it goes back to the beginning.
func (s *State) overdue(now time.Time, r Retention) []entry {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var found []entry
	seen := 0
	c := s.view.all().after(s.sweep.at)
	for e := c.next(); e != nil; e = c.next() {
		if e.overdue(now, r) {
			found = append(found, *e)
		}
		if seen++; seen == chunk {
			s.sweep.at = e.name
			return found
		}
	}
	s.sweep.at = ""
	return found
}

// overdue reports whether an entry may have something to forget.
func (e *entry) overdue(now time.Time, r Retention) bool {
	if e.runs() == 0 {
		return e.live == nil && past(e.finished, r.TaskTTL, now)
	}
	return r.MaxRuns > 0 && e.runs() > r.MaxRuns ||
		r.RunTTL > 0 && (e.oldest == unknown || e.oldest > 0 && past(e.oldest, r.RunTTL, now))
}

func past(at int64, ttl time.Duration, now time.Time) bool {
	return ttl > 0 && !now.Before(time.Unix(0, at).Add(ttl))
}

// through returns the last attempt whose run is to be forgotten, or less than the first. All attempts
// before the last have ended, since attempts do not overlap.
func (s *State) through(e *entry, now time.Time, r Retention) int {
	through := int(e.first) - 1
	if r.MaxRuns > 0 {
		through = max(through, int(e.last)-r.MaxRuns)
	}
	switch {
	case r.RunTTL <= 0:
		return through
	case e.live == nil && past(e.finished, r.RunTTL, now):
		return int(e.last)
	case e.first == e.last && e.oldest > 0 && past(e.oldest, r.RunTTL, now):
		return int(e.last)
	}
	for {
		runs, err := s.store.Runs(e.uid, through, task.DefaultPage)
		if err != nil {
			s.log.Error("runs cannot be read, and are kept", "task", e.name, "uid", e.uid, "error", err)
			return through
		}
		for i := range runs {
			run := &runs[i]
			if run.Active() || !past(nanos(run.FinishedAt), r.RunTTL, now) {
				s.remember(e, run)
				return through
			}
			through = run.Attempt
		}
		if len(runs) < task.DefaultPage {
			return through
		}
	}
}

// remember notes when the oldest run ended, so that it need not be read again.
func (s *State) remember(e *entry, oldest *task.Run) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now := s.view.byUID[e.uid]; now != nil && int(now.first) == oldest.Attempt && now.oldest == unknown {
		now.oldest = nanos(oldest.FinishedAt)
	}
}
