package output

import (
	"encoding/binary"
	"errors"
	"io/fs"
	"os"
	"slices"
	"sync"
	"time"
)

// shared are the segments to which runs with little output write. A segment begins with a head that
// says how many frames of kind carry follow; they hold the positions, in earlier segments, of the
// runs that were live when it began. So the newest segment alone tells everything about the runs
// that had no end when the host died.
//
// A host never writes to a segment of an earlier host.
type shared struct {
	// mu guards what follows, and positions beyond kept.npos. It is held while a segment is written.
	mu     sync.Mutex
	segs   []*sharedSegment // oldest first
	file   *os.File         // the last of segs; nil if there is none of this host's
	writer map[*run]int     // live runs with frames here, and how many
	next   uint32           // number of the next segment
}

// A sharedSegment is one of the files.
type sharedSegment struct {
	n       uint32
	size    int64
	start   int64     // size when it began
	last    time.Time // nobody with frames in it ended later
	touched time.Time // the file's own time of modification, more or less
}

// touchSlack is by how much the file of a segment may tell an earlier end than there was.
const touchSlack = time.Minute

// find returns the segment with that number, or nil. The caller holds mu.
func (l *shared) find(n uint32) *sharedSegment {
	i, ok := slices.BinarySearchFunc(l.segs, n, func(s *sharedSegment, n uint32) int { return int(int64(s.n) - int64(n)) })
	if !ok {
		return nil
	}
	return l.segs[i]
}

// saveShared appends a batch to the shared segments.
func (w *Writer) saveShared(b *batch) error {
	r, l := w.r, &w.s.shared
	l.mu.Lock()
	seg, err := w.s.sharedRoom(int64(len(b.buf)))
	if err == nil {
		err = w.s.disk.append(l.file, b.buf, seg.size)
	}
	if err != nil {
		l.mu.Unlock()
		return err
	}
	for i, at := range b.at {
		r.kept.pos[r.kept.npos+i] = position{seg: seg.n, off: uint32(seg.size) + uint32(at)}
	}
	seg.size += int64(len(b.buf))
	seg.last = time.Now()
	seg.touched = seg.last
	l.writer[r] = r.kept.npos + len(b.at)
	l.mu.Unlock()

	w.small += b.data
	w.publish(b, func(k *kept) { k.npos += len(b.at) })
	w.s.grow(int64(len(b.buf)))
	return nil
}

// sharedRoom returns the segment to which n bytes can be appended. The caller holds l.mu.
func (s *Store) sharedRoom(n int64) (*sharedSegment, error) {
	l := &s.shared
	if l.file != nil {
		if seg := l.segs[len(l.segs)-1]; seg.size-seg.start+n <= s.opt.sharedSegment {
			return seg, nil
		}
	}
	buf := s.carry()
	name, tmp := sharedName(l.next), sharedDir+"/new"
	f, err := s.disk.create(tmp, buf)
	if err != nil {
		return nil, err
	}
	if err := s.disk.root.Rename(tmp, name); err != nil {
		f.Close()
		s.disk.root.Remove(tmp)
		return nil, err
	}
	if l.file != nil {
		s.complain(l.file.Close())
	}
	now := time.Now()
	size := int64(len(buf))
	seg := &sharedSegment{n: l.next, size: size, start: size, last: now, touched: now}
	l.segs, l.file, l.next = append(l.segs, seg), f, l.next+1
	s.grow(size)
	return seg, nil
}

// carry returns the beginning of a segment: a head and the positions of all live runs. The caller
// holds shared.mu.
func (s *Store) carry() []byte {
	const most = 20 + 3 + 10*maxSmall // bytes of one run
	at := time.Now().UnixNano()
	var frames []byte
	count := int64(0)
	flush := func(payload []byte) {
		frames = appendFrame(frames, &frame{kind: kindCarry, at: at, data: payload})
		count++
	}
	payload := make([]byte, 0, 512)
	for r, n := range s.shared.writer {
		if len(payload)+most > maxData {
			flush(payload)
			payload = payload[:0]
		}
		payload = append(payload, r.key.UID[:]...)
		payload = binary.LittleEndian.AppendUint32(payload, uint32(r.key.Attempt))
		payload = appendPositions(payload, r.kept.pos[:n])
	}
	if len(payload) > 0 {
		flush(payload)
	}
	h := head{stored: count}.frame(Key{}, at)
	return append(appendFrame(nil, &h), frames...)
}

// parseCarry calls item for every run in the payload of a carry frame.
func parseCarry(b []byte, item func(Key, []position)) bool {
	for len(b) > 0 {
		if len(b) < 20 {
			return false
		}
		var k Key
		copy(k.UID[:], b)
		k.Attempt = int(int32(binary.LittleEndian.Uint32(b[16:])))
		pos, rest, ok := parsePositions(b[20:])
		if !ok {
			return false
		}
		item(k, pos)
		b = rest
	}
	return true
}

// leaveShared notes that a run has ended, or has a directory of its own.
func (s *Store) leaveShared(r *run) {
	l := &s.shared
	l.mu.Lock()
	defer l.mu.Unlock()
	n := l.writer[r]
	delete(l.writer, r)
	now := time.Now()
	for i, p := range r.kept.pos[:n] {
		if i > 0 && r.kept.pos[i-1].seg == p.seg {
			continue
		}
		if seg := l.find(p.seg); seg != nil {
			seg.last = now
			if now.Sub(seg.touched) > touchSlack {
				seg.touched = now
				s.complain(s.disk.root.Chtimes(sharedName(seg.n), now, now))
			}
		}
	}
}

// loadShared finds the segments of earlier hosts.
func (s *Store) loadShared() error {
	entries, err := s.disk.list(sharedDir)
	if err != nil {
		return err
	}
	l := &s.shared
	for _, e := range entries {
		n, ok := segmentNumber(e.Name())
		if !ok || !e.Type().IsRegular() {
			continue
		}
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		l.segs = append(l.segs, &sharedSegment{
			n: n, size: info.Size(), touched: info.ModTime(), last: info.ModTime().Add(touchSlack),
		})
		l.next = max(l.next, n)
		s.spool.Add(info.Size())
	}
	slices.SortFunc(l.segs, func(a, b *sharedSegment) int { return int(int64(a.n) - int64(b.n)) })
	l.next++
	return nil
}

// searchShared returns the positions, in the segments of earlier hosts, of those runs that wanted
// holds. It reads the newest segment and, only if that does not tell all, those before it.
func (s *Store) searchShared(segs []uint32, wanted func(Key) bool) (map[Key][]position, error) {
	found := make(map[Key][]position)
	for _, n := range slices.Backward(segs) {
		complete, err := s.searchSegment(n, wanted, found)
		if err != nil {
			return nil, err
		}
		if complete {
			break
		}
	}
	return found, nil
}

// searchSegment puts the positions that segment n tells of before those already found. It reports
// whether the segment tells all about the runs that were live when it began.
func (s *Store) searchSegment(n uint32, wanted func(Key) bool, found map[Key][]position) (bool, error) {
	f, err := s.disk.open(sharedName(n), os.O_RDONLY)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, errCorrupt) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer f.Close()

	here := make(map[Key][]position)
	carries := int64(-1)
	sc := scanner{r: f}
	for sc.next() {
		fr := &sc.frame
		switch {
		case fr.kind == kindHead && sc.at == 0:
			if h, ok := parseHead(fr.data); ok {
				carries = h.stored
			}
		case fr.kind == kindCarry:
			carries--
			if !parseCarry(fr.data, func(k Key, pos []position) {
				if wanted(k) {
					here[k] = pos
				}
			}) {
				carries = -1
			}
		case wanted(fr.key) && len(here[fr.key]) < maxSmall:
			here[fr.key] = append(here[fr.key], position{n, uint32(sc.at)})
		}
	}
	for k, pos := range here {
		pos = append(pos, found[k]...)
		slices.SortFunc(pos, position.compare)
		pos = slices.Compact(pos) // a damaged carry tells what the segments before it tell too
		found[k] = pos[:min(len(pos), maxSmall)]
	}
	return carries == 0, sc.err
}
