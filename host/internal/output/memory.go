package output

import "time"

// ringLimit returns how many bytes of memory one ring may take now.
func (s *Store) ringLimit() int64 {
	return min(s.opt.Ring, s.opt.RingTotal/max(s.rings.Load(), 1))
}

// trim brings the memory of all rings back within its limit: first go the runs that ended first,
// then all live ones shrink to their share. The caller holds no run's lock.
func (s *Store) trim() {
	if s.ringUsed.Load() <= s.opt.RingTotal {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.ringUsed.Load() > s.opt.RingTotal {
		old := s.finished.oldest()
		if old == nil || old.run == nil {
			break
		}
		s.forgetLocked(old)
		s.obs.Dropped(DropSpool, old.size)
	}
	if s.ringUsed.Load() <= s.opt.RingTotal {
		return
	}
	limit := s.ringLimit()
	for _, r := range s.runs {
		s.ringUsed.Add(-s.squeeze(r, limit))
	}
}

// squeeze evicts from a run's ring what is over the limit and returns how much memory that freed.
func (s *Store) squeeze(r *run, limit int64) int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ring == nil {
		return 0
	}
	before := r.ring.used
	lost := r.ring.evict(limit)
	if s.disk == nil {
		r.tally.rotated += lost
		s.obs.Dropped(DropRotated, lost)
	}
	return before - r.ring.used
}

// sweepMemory forgets the runs that ended before a time.
func (s *Store) sweepMemory(before time.Time) {
	s.forget(func(r *finishedRun) bool { return r.end.Before(before) })
}

// forget drops ended runs from memory.
func (s *Store) forget(chosen func(*finishedRun) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for e := s.finished.order.Front(); e != nil; {
		r := e.Value.(*finishedRun)
		e = e.Next()
		if chosen(r) {
			s.forgetLocked(r)
		}
	}
}

// forgetLocked drops one ended run from memory. The caller holds s.mu.
func (s *Store) forgetLocked(old *finishedRun) {
	s.finished.take(old.key)
	delete(s.runs, old.key)
	r := old.run
	r.mu.Lock()
	defer r.mu.Unlock()
	s.ringUsed.Add(-r.ring.used)
	r.tally.rotated = r.tally.stored
	r.ring = newRing(r.tally.saved)
	r.broadcast()
}
