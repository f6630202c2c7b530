package output

import (
	"errors"
	"io/fs"
	"iter"
	"path"
	"slices"
	"strconv"
	"time"

	"github.com/soltihq/solti-host/host/task"
)

// grow counts n more bytes of files.
func (s *Store) grow(n int64) {
	if n != 0 {
		s.obs.Spool(s.spool.Add(n))
	}
}

// end makes a run one that has ended, and returns how much memory that freed. The caller holds
// Writer.mu.
func (s *Store) end(r *run) (freed int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.life = closed
	if r.ring != nil {
		s.rings.Add(-1)
		if s.disk != nil {
			freed, r.ring = r.ring.used, nil
		}
	}
	r.broadcast()
	switch {
	case r.kept.place == inOwn:
		s.finished.add(&finishedRun{key: r.key, size: r.w.size(), end: time.Now()})
	case r.kept.place == inMemory && r.ring != nil:
		s.finished.add(&finishedRun{key: r.key, size: r.ring.used, end: time.Now(), run: r})
		return freed
	}
	if old := s.recent.add(r); old != nil && s.runs[old.key] == old {
		delete(s.runs, old.key)
	}
	return freed
}

// shrink drops what ended first until the spool is within its cap, or nothing that has ended is left.
func (s *Store) shrink() {
	for s.spool.Load() > s.opt.SpoolCap && s.dropOldest() {
	}
}

// dropOldest drops the run or the shared segment that ended first. It reports whether there was one.
func (s *Store) dropOldest() bool {
	seg, last := s.oldestShared()
	s.mu.Lock()
	run := s.finished.oldest()
	if run != nil && (seg == 0 || run.end.Before(last)) {
		s.finished.take(run.key)
		s.mu.Unlock()
		s.complain(s.unlink(run.key, run.size))
		s.obs.Dropped(DropSpool, run.size)
		return true
	}
	s.mu.Unlock()
	if seg == 0 {
		return false
	}
	size, err := s.removeShared(seg)
	s.complain(err)
	s.obs.Dropped(DropSpool, size)
	return true
}

// unlink removes the directory of a run that is not among the finished any more.
func (s *Store) unlink(k Key, size int64) error {
	err := s.disk.root.RemoveAll(k.dir())
	s.grow(-size)
	s.disk.root.Remove(path.Dir(k.dir())) // unless it holds other attempts
	return err
}

// oldestShared returns the segment whose runs ended first, of those in which no live run has frames
// and nobody writes; or 0.
func (s *Store) oldestShared() (uint32, time.Time) {
	l := &s.shared
	l.mu.Lock()
	defer l.mu.Unlock()
	used := l.used()
	var best *sharedSegment
	for i, seg := range l.segs {
		if len(used[seg.n]) > 0 || l.file != nil && i == len(l.segs)-1 {
			continue
		}
		if best == nil || seg.last.Before(best.last) {
			best = seg
		}
	}
	if best == nil {
		return 0, time.Time{}
	}
	return best.n, best.last
}

// used returns the live runs with frames in each segment. The caller holds mu.
func (l *shared) used() map[uint32][]*run {
	used := make(map[uint32][]*run)
	for r, n := range l.writer {
		for i, p := range r.kept.pos[:n] {
			if i == 0 || r.kept.pos[i-1].seg != p.seg {
				used[p.seg] = append(used[p.seg], r)
			}
		}
	}
	return used
}

// removeShared removes a segment, unless a live run has frames in it by now, and returns its size.
func (s *Store) removeShared(n uint32) (int64, error) {
	l := &s.shared
	l.mu.Lock()
	seg := l.find(n)
	if seg == nil || len(l.used()[n]) > 0 {
		l.mu.Unlock()
		return 0, nil
	}
	if l.file != nil && seg == l.segs[len(l.segs)-1] {
		s.complain(l.file.Close())
		l.file = nil
	}
	l.segs = slices.DeleteFunc(l.segs, func(o *sharedSegment) bool { return o == seg })
	l.mu.Unlock()
	s.grow(-seg.size)
	return seg.size, s.disk.root.Remove(sharedName(n))
}

// Sweep forgets what is in shared segments, and in memory, when all runs in it ended longer than
// keep before now. Live runs with frames in such a segment move to directories of their own. After
// a restart a run counts as having ended up to a minute later than it did.
func (s *Store) Sweep(now time.Time, keep time.Duration) error {
	before := now.Add(-keep)
	if s.disk == nil {
		s.sweepMemory(before)
		return nil
	}
	var errs []error
	for n, writers := range s.expired(before) {
		for _, w := range writers {
			errs = append(errs, w.leave())
		}
		_, err := s.removeShared(n)
		errs = append(errs, err)
	}
	s.shrink()
	return errors.Join(errs...)
}

// expired returns the segments whose ended runs all ended before a time, with the writers of the
// live runs in them.
func (s *Store) expired(before time.Time) map[uint32][]*Writer {
	l := &s.shared
	l.mu.Lock()
	defer l.mu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	used := l.used()
	found := make(map[uint32][]*Writer)
	for _, seg := range l.segs {
		if !seg.last.Before(before) {
			continue
		}
		found[seg.n] = nil
		for _, r := range used[seg.n] {
			found[seg.n] = append(found[seg.n], r.w)
		}
	}
	return found
}

// leave moves a live run out of the shared segments.
func (w *Writer) leave() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.done || w.r.kept.place != inShared {
		return nil
	}
	b := w.pending()
	defer w.s.reuse(b)
	return w.promote(b)
}

// Remove forgets the output of a task's ended runs that is in directories or in memory. What is in
// shared segments goes with them.
func (s *Store) Remove(uid task.UID) error {
	if s.disk == nil {
		s.forget(func(r *finishedRun) bool { return r.key.UID == uid })
		return nil
	}
	entries, err := s.disk.list(uid.String())
	if err != nil {
		return err
	}
	var errs []error
	for _, e := range entries {
		if n, err := strconv.Atoi(e.Name()); err == nil && n > 0 {
			errs = append(errs, s.RemoveRun(Key{UID: uid, Attempt: n}))
		}
	}
	return errors.Join(errs...)
}

// RemoveRun is Remove for one run. It leaves a live one alone.
func (s *Store) RemoveRun(k Key) error {
	if s.disk == nil {
		s.forget(func(r *finishedRun) bool { return r.key == k })
		return nil
	}
	s.mu.Lock()
	if r := s.runs[k]; r != nil && r.alive() {
		s.mu.Unlock()
		return nil
	}
	size, _ := s.finished.take(k)
	s.finished.note(k)
	s.mu.Unlock()
	return s.unlink(k, size)
}

// alive reports whether the run has not ended.
func (r *run) alive() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.life != closed
}

// measure finds the directories of earlier hosts, whose runs have all ended, and counts them. What
// belongs to no known run goes.
func (s *Store) measure() {
	var old []*finishedRun
	removed := 0
	for k := range s.directories() {
		if s.orphaned(k) {
			s.complain(s.unlink(k, 0))
			removed++
			continue
		}
		old = append(old, s.disk.measure(k))
	}
	if removed > 0 {
		s.opt.Log.Info("removed the output of runs that an earlier host had forgotten", "runs", removed)
	}
	slices.SortFunc(old, func(a, b *finishedRun) int { return a.end.Compare(b.end) })
	s.mu.Lock()
	old = slices.DeleteFunc(old, func(r *finishedRun) bool { _, known := s.finished.fresh[r.key]; return known })
	s.finished.fresh = nil
	s.finished.prepend(old)
	s.mu.Unlock()
	for _, r := range old {
		s.spool.Add(r.size)
	}
	s.grow(0)
	s.shrink()
}

// orphaned reports whether a directory belongs to a run that is neither one of this host's nor known.
func (s *Store) orphaned(k Key) bool {
	if s.opt.Known == nil {
		return false
	}
	s.mu.Lock()
	_, fresh := s.finished.fresh[k]
	ours := fresh || s.runs[k] != nil
	s.mu.Unlock()
	return !ours && !s.opt.Known(k)
}

// directories yields the runs that have one, until the store is closed. It removes those of tasks
// without any.
func (s *Store) directories() iter.Seq[Key] {
	return func(yield func(Key) bool) {
		tasks, err := s.disk.list(".")
		s.complain(err)
		for _, t := range tasks {
			uid, err := task.ParseUID(t.Name())
			if err != nil || uid.IsZero() || !t.IsDir() {
				continue
			}
			attempts, err := s.disk.list(uid.String())
			s.complain(err)
			if len(attempts) == 0 {
				s.disk.root.Remove(uid.String())
			}
			for _, a := range attempts {
				n, err := strconv.Atoi(a.Name())
				if err != nil || n <= 0 || n >= 1<<31 || !a.IsDir() {
					continue
				}
				select {
				case <-s.done:
					return
				default:
				}
				if !yield(Key{UID: uid, Attempt: n}) {
					return
				}
			}
		}
	}
}

// measure returns the size of a run's directory and when it was last written to.
func (d *disk) measure(k Key) *finishedRun {
	run := &finishedRun{key: k}
	entries, _ := d.list(k.dir())
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || info.Mode().Type()&fs.ModeType != 0 {
			continue
		}
		run.size += info.Size()
		if info.ModTime().After(run.end) {
			run.end = info.ModTime()
		}
	}
	return run
}
