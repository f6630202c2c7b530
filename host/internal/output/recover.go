package output

// load finds what earlier hosts left.
func (s *Store) load() error {
	if err := s.loadShared(); err != nil {
		return err
	}
	for _, seg := range s.shared.segs {
		s.old = append(s.old, seg.n)
	}
	if err := s.reopen(s.opt.Open); err != nil {
		return err
	}
	s.opt.Open = nil
	s.finished.fresh = make(map[Key]struct{})
	for k, r := range s.runs {
		if r.kept.place == inOwn {
			s.finished.note(k)
		}
	}
	s.walk.Go(s.measure)
	return nil
}

// reopen makes runs of an earlier host live again.
func (s *Store) reopen(keys []Key) error {
	if len(keys) == 0 {
		return nil
	}
	wanted := make(map[Key]bool, len(keys))
	for _, k := range keys {
		wanted[k] = true
	}
	found, err := s.searchShared(s.old, func(k Key) bool { return wanted[k] })
	if err != nil {
		return err
	}
	for k := range wanted {
		r := s.revive(k, found[k])
		s.runs[k] = r
		if r.kept.npos > 0 && r.kept.place == inShared {
			s.shared.writer[r] = r.kept.npos
		}
	}
	return nil
}

// revive returns a run with a writer that nobody has yet, from what files tell of it.
func (s *Store) revive(k Key, pos []position) *run {
	r := s.newRun(k)
	s.write(r)
	segs, t, err := s.disk.loadOwn(k, true)
	if err != nil {
		s.complain(err)
	}
	if len(segs) > 0 {
		r.kept.place, r.kept.segs, r.tally = inOwn, segs, t
		for _, seg := range segs {
			s.grow(seg.size)
		}
		return r
	}
	r.kept.npos = copy(r.kept.pos[:], pos)
	for _, p := range pos {
		raw, err := s.disk.readFrame(sharedName(p.seg), int64(p.off))
		if err != nil {
			s.complain(err)
			continue
		}
		if f, _, err := parseFrame(raw); err == nil && f.key == k && f.stream != 0 {
			r.tally.ends[f.stream-1] = max(r.tally.ends[f.stream-1], f.offset+f.size())
			r.tally.stored += int64(len(f.data))
		}
	}
	r.tally.saved = r.tally.ends
	r.w.small = r.tally.stored
	return r
}

// Recover ends a run that was live when the host died: one of Options.Open, or any other of the
// host before this one. What it wrote stays readable up to where its files are whole.
func (s *Store) Recover(k Key) Summary {
	if w := s.writer(k); w != nil {
		return w.Close()
	}
	var r *run
	if s.disk == nil {
		r = s.newRun(k)
		s.write(r)
	} else {
		found, err := s.searchShared(s.old, func(o Key) bool { return o == k })
		if err != nil {
			s.complain(err)
		}
		r = s.revive(k, found[k])
	}
	return s.insert(r).Close()
}

// writer returns the writer of a run, or nil.
func (s *Store) writer(k Key) *Writer {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := s.runs[k]; r != nil {
		return r.w
	}
	return nil
}

// insert puts a revived run among the others, unless there is one with a writer, and returns the
// writer. Those who follow an announced run follow the revived one.
func (s *Store) insert(r *run) *Writer {
	s.shared.mu.Lock()
	defer s.shared.mu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	if old := s.runs[r.key]; old != nil {
		if old.w != nil {
			return old.w
		}
		old.mu.Lock()
		old.life, old.kept, old.tally = r.life, r.kept, r.tally
		if old.ring != nil && s.disk != nil {
			*old.ring = *newRing(r.tally.saved)
		}
		old.mu.Unlock()
		old.w, r.w.r = r.w, old
		r = old
	}
	s.runs[r.key] = r
	switch {
	case r.kept.place == inShared && r.kept.npos > 0:
		s.shared.writer[r] = r.kept.npos
	case r.kept.place == inOwn:
		size, _ := s.finished.take(r.key)
		s.grow(-size)
		s.finished.note(r.key)
	}
	return r.w
}
