package output

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"time"

	"github.com/soltihq/solti-host/host/task"
)

// A Filter says which output to read.
type Filter struct {
	Stream task.Stream // only this stream; 0 means both, in the order in which they arrived
	Follow bool        // wait for more until the run has ended
}

// A Reader reads the output of one run from a cursor on. It is for one goroutine, and keeps no file
// open between two calls.
type Reader struct {
	s      *Store
	r      *run
	filter Filter
	at     mark // what was delivered
	stop   mark // if not following: where to end

	// What was read of a file and not delivered, and where the file goes on after it. Everything
	// before it is covered by at.
	rest   []entry
	from   spot
	shelf  *shelf // nil before something was read of files of the run's own
	err    error
	closed bool
}

// Follow returns a reader of a run's output from a cursor on, whose Attempt is ignored. A run that
// has ended is found by ref, as its Summary gave it. An empty ref means that the caller knows of no
// end: then a follower waits for Create if there was none yet, and others find nothing. The reader
// must be closed.
//
// A cursor beyond the end delivers what comes after it. One that points at bytes that are not kept
// delivers a gap first.
func (s *Store) Follow(k Key, ref []byte, from task.Cursor, q Filter) *Reader {
	rd := &Reader{s: s, filter: q, at: mark{max(from.Stdout, 0), max(from.Stderr, 0)}}
	if q.Stream > task.Stderr {
		rd.err = errors.New("no such stream")
	}
	rd.r = s.attach(k, q.Follow)
	if rd.r == nil {
		var err error
		if rd.r, err = s.find(k, ref); err != nil {
			rd.err = err
		}
		if rd.r.life != closed {
			rd.r = s.announce(k, rd.r, q.Follow)
		}
	}
	rd.r.mu.Lock()
	rd.stop = rd.r.tally.ends
	rd.r.mu.Unlock()
	s.obs.Followers(int(s.readers.Add(1)))
	return rd
}

// End returns what had been produced when the reader was made, as a place: no reader of the run has got
// any further by then. Ok is false if that is not known, because the run cannot be read.
func (rd *Reader) End() (end task.Cursor, ok bool) {
	return task.Cursor{Attempt: rd.r.key.Attempt, Stdout: rd.stop[0], Stderr: rd.stop[1]}, rd.err == nil
}

// attach returns the run with that key that is in memory, if there is one, with a follower more.
func (s *Store) attach(k Key, follow bool) *run {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.runs[k]
	if r != nil {
		s.warm(r, follow)
	}
	return r
}

// announce puts a run that was not found among the others, so that its Create finds it.
func (s *Store) announce(k Key, r *run, follow bool) *run {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now := s.runs[k]; now != nil {
		r = now
	} else if follow && !s.closed {
		s.runs[k] = r
	} else {
		return r
	}
	s.warm(r, follow)
	return r
}

// warm counts a follower of a run, which has a ring from the first on. The caller holds s.mu.
func (s *Store) warm(r *run, follow bool) {
	if !follow {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.followers++
	if r.life != closed && r.ring == nil && s.disk != nil {
		r.ring = newRing(r.tally.saved)
		s.ringUsed.Add(r.ring.used)
		s.rings.Add(1)
	}
}

// find returns a run that is not in memory, from its reference or its directory. Without either it
// is one that is announced.
func (s *Store) find(k Key, b []byte) (*run, error) {
	r := s.newRun(k)
	if len(b) == 0 && s.disk == nil {
		return r, nil
	}
	var rf ref
	if len(b) > 0 {
		var err error
		r.life = closed
		if rf, err = parseRef(b); err != nil {
			return r, err
		}
		r.tally = tally{ends: rf.ends, saved: rf.ends}
		r.kept.npos = copy(r.kept.pos[:], rf.pos)
	}
	if s.disk == nil || len(b) > 0 && rf.place != inOwn {
		return r, nil
	}
	segs, t, err := s.disk.loadOwn(k, false)
	if err != nil {
		r.life = closed
		return r, err
	}
	if len(segs) > 0 {
		r.life, r.kept.place, r.kept.segs = closed, inOwn, segs
		for i := range t.ends {
			r.tally.ends[i] = max(t.ends[i], rf.ends[i])
		}
		r.tally.saved = r.tally.ends
	}
	return r, nil
}

// Close releases the reader. A further Close does nothing.
func (rd *Reader) Close() {
	if rd.closed {
		return
	}
	rd.closed = true
	rd.rest = nil
	s, r := rd.s, rd.r
	if rd.shelf != nil {
		s.blocks.leave(rd.shelf)
	}
	s.obs.Followers(int(s.readers.Add(-1)))
	if !rd.filter.Follow {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.followers--; r.followers > 0 {
		return
	}
	if r.life == announced && s.runs[r.key] == r {
		delete(s.runs, r.key)
	}
	if r.ring != nil && s.disk != nil {
		s.ringUsed.Add(-r.ring.used)
		s.rings.Add(-1)
		r.ring = nil
	}
}

// Next returns the next piece, at most 32 KiB, or the next gap. Its data must not be changed, and
// may be kept. The error is io.EOF at the end: when following, after the run has ended; else after
// what there was when the reader was made. When ctx ends, it is the cause; after Store.Close it is
// task.ErrClosed.
func (rd *Reader) Next(ctx context.Context) (task.Chunk, error) {
	for {
		if rd.err != nil {
			return task.Chunk{}, rd.err
		}
		select {
		case <-ctx.Done():
			return task.Chunk{}, context.Cause(ctx)
		case <-rd.s.done:
			return task.Chunk{}, task.ErrClosed
		default:
		}
		if c, ok := rd.drain(); ok {
			return c, nil
		}
		st := rd.plan()
		switch {
		case st.eof:
			return task.Chunk{}, io.EOF
		case st.wait != nil:
			select {
			case <-st.wait:
			case <-ctx.Done():
			case <-rd.s.done:
			}
		case st.read:
			rd.fill(st.spot)
		default:
			return st.chunk, nil
		}
	}
}

// A step is what to do next: end, wait, read a file, or deliver a chunk.
type step struct {
	eof   bool
	wait  <-chan struct{}
	read  bool
	spot  spot
	chunk task.Chunk
}

// plan decides what to do next. It does no I/O.
func (rd *Reader) plan() step {
	r, s := rd.r, rd.filter.Stream
	r.mu.Lock()
	defer r.mu.Unlock()
	if rd.at.covers(r.tally.ends, s) || !rd.filter.Follow && rd.at.covers(rd.stop, s) {
		if !rd.filter.Follow || r.life == closed {
			return step{eof: true}
		}
		return step{wait: r.wait()}
	}
	if r.ring != nil && rd.at.covers(r.ring.base, s) {
		if e := r.ring.find(rd.at, s); e != nil {
			rd.from = spot{} // from here on the files are searched again
			return step{chunk: rd.entry(e)}
		}
	}
	floor, since := r.floor()
	if t := rd.at.behind(floor, s); t != 0 {
		return step{chunk: rd.gap(t, floor[t-1], whyRotated, since)}
	}
	if t := rd.at.behind(r.tally.saved, s); t != 0 {
		if at, ok := r.kept.locate(rd.from, rd.at, s); ok {
			return step{read: true, spot: at}
		}
		return step{chunk: rd.gap(t, r.tally.saved[t-1], whyUnreadable, 0)}
	}
	for _, g := range r.pending {
		if (s == 0 || s == g.stream) && g.offset+g.n > rd.at[g.stream-1] {
			return step{chunk: rd.gap(g.stream, g.offset+g.n, g.why, g.at)}
		}
	}
	t := rd.at.behind(r.tally.ends, s)
	return step{chunk: rd.gap(t, r.tally.ends[t-1], whyUnreadable, 0)}
}

// entry delivers an entry of the ring, or of a block, from where the reader is.
func (rd *Reader) entry(e *entry) task.Chunk {
	at := rd.at[e.stream-1]
	switch {
	case e.offset > at:
		return rd.gap(e.stream, e.offset, whyUnreadable, e.at)
	case e.gap > 0:
		return rd.gap(e.stream, e.offset+e.gap, e.why, e.at)
	default:
		n := int64(len(e.data))
		return rd.data(e.stream, e.data[at-e.offset:n:n], e.at)
	}
}

// gap delivers a gap from where the reader is to an offset.
func (rd *Reader) gap(s task.Stream, to int64, why string, at int64) task.Chunk {
	from := rd.at[s-1]
	rd.at[s-1] = to
	return rd.chunk(task.Chunk{Stream: s, Offset: from, Gap: to - from, Why: why}, at)
}

// data delivers bytes from where the reader is.
func (rd *Reader) data(s task.Stream, b []byte, at int64) task.Chunk {
	from := rd.at[s-1]
	rd.at[s-1] += int64(len(b))
	return rd.chunk(task.Chunk{Stream: s, Offset: from, Data: b}, at)
}

func (rd *Reader) chunk(c task.Chunk, at int64) task.Chunk {
	c.Attempt = rd.r.key.Attempt
	c.Time = time.Now()
	if at != 0 {
		c.Time = time.Unix(0, at)
	}
	c.Next = task.Cursor{Attempt: c.Attempt, Stdout: rd.at[0], Stderr: rd.at[1]}
	return c
}

// fill reads a file from a spot on. If it cannot be read, the reader goes on after it, and what was
// in it becomes a gap.
func (rd *Reader) fill(at spot) {
	d, k := rd.s.disk, rd.r.key
	rd.from = at
	if at.place == inShared {
		raw, err := d.readFrame(sharedName(at.seg), at.off)
		rd.unreadable(err)
		rd.rest, _ = decode(k, raw, len(raw))
		rd.from.index++
		return
	}
	if rd.shelf == nil {
		rd.shelf = rd.s.blocks.enter(k)
	}
	b := rd.s.blocks.get(rd.shelf, blockAt{at.seg, at.off}, func(b *block) {
		rd.unreadable(d.readBlock(b, k, rd.s.opt.block, at.limit))
	})
	rd.rest, rd.from.off = b.entries, b.end
	if b.end == at.off { // damaged, or the file is shorter than it was
		rd.from.off = at.limit
	}
}

// unreadable complains about a file, unless it has been removed meanwhile.
func (rd *Reader) unreadable(err error) {
	if !errors.Is(err, fs.ErrNotExist) {
		rd.s.complain(err)
	}
}

// drain delivers the next piece of what was read of a file.
func (rd *Reader) drain() (task.Chunk, bool) {
	for ; len(rd.rest) > 0; rd.rest = rd.rest[1:] {
		if e := &rd.rest[0]; rd.wants(e) {
			return rd.entry(e), true
		}
	}
	rd.rest = nil
	return task.Chunk{}, false
}

// wants reports whether something of an entry is to be delivered.
func (rd *Reader) wants(e *entry) bool {
	s := rd.filter.Stream
	return (s == 0 || s == e.stream) && e.offset+int64(len(e.data))+e.gap > rd.at[e.stream-1]
}
