package output

import (
	"errors"
	"io/fs"
	"os"
	"slices"
	"time"
)

// saveOwn appends a batch to the run's own directory, in a new segment if the last one is full.
func (w *Writer) saveOwn(b *batch) error {
	segs := w.r.kept.segs
	if len(segs) == 0 {
		return w.begin(1, b)
	}
	last := segs[len(segs)-1]
	if last.size+int64(len(b.buf)) > w.s.opt.segment {
		return w.begin(last.n+1, b)
	}
	if w.file == nil {
		f, err := w.s.disk.open(ownName(w.r.key, last.n), os.O_RDWR)
		if err != nil {
			return w.begin(last.n+1, b)
		}
		w.file = f
	}
	if err := w.s.disk.append(w.file, b.buf, last.size); err != nil {
		return err
	}
	n := int64(len(b.buf))
	w.publish(b, func(k *kept) { k.segs[len(k.segs)-1].size += n })
	w.s.grow(n)
	return nil
}

// begin starts segment n with a batch, and drops the oldest segments that are over the run's cap.
func (w *Writer) begin(n uint32, b *batch) error {
	seg, f, err := w.create(n, ownName(w.r.key, n), b.buf, w.r.tally.saved, w.r.tally.stored)
	if err != nil {
		return err
	}
	w.replace(f)
	w.publish(b, func(k *kept) { k.segs = append(k.segs, seg) })
	w.s.grow(seg.size)
	w.rotate(w.s.opt.RunCap)
	w.s.shrink()
	if w.s.spool.Load() > w.s.opt.SpoolCap { // nothing else is left to drop
		w.rotate(w.size() - (w.s.spool.Load() - w.s.opt.SpoolCap))
	}
	return nil
}

// create makes the file of segment n: a head, and frames.
func (w *Writer) create(n uint32, name string, frames []byte, base mark, stored int64) (segment, *os.File, error) {
	at := time.Now().UnixNano()
	h := head{base: base, stored: stored, id: w.id}.frame(w.r.key, at)
	buf := append(appendFrame(make([]byte, 0, headerSize+25+maxID+len(frames)), &h), frames...)
	f, err := w.s.disk.create(name, buf)
	if err != nil {
		return segment{}, nil, err
	}
	return segment{n: n, base: base, stored: stored, size: int64(len(buf)), at: at}, f, nil
}

// replace makes f the file that is written to.
func (w *Writer) replace(f *os.File) {
	if w.file != nil {
		w.s.complain(w.file.Close())
	}
	w.file = f
}

// size returns the bytes of the run's own files.
func (w *Writer) size() int64 {
	var n int64
	for _, s := range w.r.kept.segs {
		n += s.size
	}
	return n
}

// rotate drops the oldest segments but the last until the run has at most limit bytes on disk.
func (w *Writer) rotate(limit int64) {
	r := w.r
	size, n := w.size(), 0
	for ; size > limit && n < len(r.kept.segs)-1; n++ {
		size -= r.kept.segs[n].size
	}
	if n == 0 {
		return
	}
	gone := slices.Clone(r.kept.segs[:n])
	lost := r.kept.segs[n].stored - gone[0].stored
	r.mu.Lock()
	r.kept.segs = slices.Delete(r.kept.segs, 0, n)
	r.tally.rotated += lost
	r.mu.Unlock()
	for _, s := range gone {
		w.s.complain(w.s.disk.root.Remove(ownName(r.key, s.n)))
		w.s.grow(-s.size)
	}
	w.s.obs.Dropped(DropRotated, lost)
}

// promote moves a run with a batch more into a directory of its own. The file gets its name when it
// is complete, so that a host that is killed meanwhile finds all frames where they were.
func (w *Writer) promote(b *batch) error {
	r := w.r
	frames, stored := w.copyShared()
	dir := r.key.dir()
	w.s.mu.Lock()
	w.s.finished.note(r.key) // before there is a directory that could be measured
	w.s.mu.Unlock()
	if err := w.s.disk.mkdir(dir); err != nil {
		return err
	}
	tmp := dir + "/new"
	seg, f, err := w.create(1, tmp, append(frames, b.buf...), mark{}, 0)
	if err != nil {
		return err
	}
	if err := w.s.disk.root.Rename(tmp, ownName(r.key, 1)); err != nil {
		f.Close()
		w.s.disk.root.Remove(tmp)
		return err
	}
	w.replace(f)
	w.publish(b, func(k *kept) {
		r.tally.stored = stored // what could not be copied is as good as dropped
		k.place, k.segs = inOwn, []segment{seg}
	})
	w.s.grow(seg.size)
	w.s.leaveShared(r)
	w.s.shrink()
	return nil
}

// copyShared returns the run's frames in shared segments, and how many bytes of data are in them.
func (w *Writer) copyShared() (buf []byte, stored int64) {
	k := &w.r.kept
	for _, p := range k.pos[:k.npos] {
		raw, err := w.s.disk.readFrame(sharedName(p.seg), int64(p.off))
		if err != nil {
			w.s.complain(err)
			continue
		}
		if f, _, err := parseFrame(raw); err == nil && f.key == w.r.key {
			buf = append(buf, raw...)
			stored += int64(len(f.data))
		}
	}
	return buf, stored
}

// loadOwn finds the segments of a run's own directory, oldest first, and what they say of the run.
// There are none if the directory does not exist. With repair, a torn end is cut.
func (d *disk) loadOwn(k Key, repair bool) (segs []segment, t tally, err error) {
	entries, err := d.list(k.dir())
	if err != nil {
		return nil, tally{}, err
	}
	for _, e := range entries {
		n, ok := segmentNumber(e.Name())
		if !ok || !e.Type().IsRegular() {
			continue
		}
		if s, err := d.loadSegment(k, n); err == nil {
			segs = append(segs, s)
		} else if !errors.Is(err, errCorrupt) && !errors.Is(err, fs.ErrNotExist) {
			return nil, tally{}, err
		}
	}
	slices.SortFunc(segs, func(a, b segment) int { return int(int64(a.n) - int64(b.n)) })
	if len(segs) == 0 {
		return nil, tally{}, nil
	}
	last := &segs[len(segs)-1]
	t = tally{ends: last.base, stored: last.stored, rotated: segs[0].stored}
	if err := d.scanSegment(k, last, &t, repair); err != nil {
		return nil, tally{}, err
	}
	t.saved = t.ends
	return segs, t, nil
}

// loadSegment reads a segment's head.
func (d *disk) loadSegment(k Key, n uint32) (segment, error) {
	name := ownName(k, n)
	raw, err := d.read(name, 0, headerSize+25+maxID)
	if err != nil {
		return segment{}, err
	}
	f, _, err := parseFrame(raw)
	if err != nil || f.kind != kindHead || f.key != k {
		return segment{}, errCorrupt
	}
	h, ok := parseHead(f.data)
	if !ok {
		return segment{}, errCorrupt
	}
	info, err := d.root.Lstat(name)
	if err != nil {
		return segment{}, err
	}
	return segment{n: n, base: h.base, stored: h.stored, size: info.Size(), at: f.at}, nil
}

// scanSegment adds the frames of the last segment to a tally.
func (d *disk) scanSegment(k Key, s *segment, t *tally, repair bool) error {
	flag := os.O_RDONLY
	if repair {
		flag = os.O_RDWR
	}
	f, err := d.open(ownName(k, s.n), flag)
	if err != nil {
		return err
	}
	defer f.Close()
	sc := scanner{r: f}
	for sc.next() {
		if fr := &sc.frame; fr.key == k && (fr.kind == kindData || fr.kind == kindGap) {
			t.ends[fr.stream-1] = max(t.ends[fr.stream-1], fr.offset+fr.size())
			t.stored += int64(len(fr.data))
		}
	}
	if repair && sc.err == nil && sc.pos < s.size {
		s.size = sc.pos
		return f.Truncate(sc.pos)
	}
	return sc.err
}
