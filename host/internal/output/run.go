package output

import (
	"sort"
	"sync"

	"github.com/soltihq/solti-host/host/task"
)

// A run is the output of one attempt, as its writer and its readers share it.
type run struct {
	key Key
	w   *Writer // nil if nobody can write; guarded by Store.mu

	// mu guards what follows, and is never held during I/O. The writer alone changes tally, kept and
	// pending, so while it holds Writer.mu it may look at them without mu.
	mu        sync.Mutex
	life      life
	tally     tally
	kept      kept
	pending   gaps
	ring      *ring // nil unless somebody follows, or there is no directory
	followers int
	wake      wake
}

// The life of a run.
type life byte

const (
	announced life = iota // somebody follows it before it was created
	open
	closed
)

// A tally says how much there is.
type tally struct {
	ends    mark  // produced, gaps included
	saved   mark  // up to here frames tell of it; from here to ends, gaps do
	stored  int64 // bytes of data that were stored
	rotated int64 // of them, bytes that are gone again
}

// dropped returns how many of the bytes produced are not there.
func (t tally) dropped() int64 { return t.ends.sum() - (t.stored - t.rotated) }

// kept says where the frames are.
type kept struct {
	place place
	npos  int                // in shared segments: how many frames
	pos   [maxSmall]position // of them; an element is written before npos covers it and never changed
	segs  []segment          // in a directory of its own: segments, oldest first
}

// A segment is a file of frames.
type segment struct {
	n      uint32
	base   mark  // everything before its first frame
	stored int64 // bytes of data stored before its first frame
	size   int64 // bytes of file
	at     int64 // when it was made
}

// floor returns the place before which everything is gone, and since when. The caller holds r.mu.
func (r *run) floor() (mark, int64) {
	switch {
	case r.kept.place == inOwn && len(r.kept.segs) > 0:
		return r.kept.segs[0].base, r.kept.segs[0].at
	case r.kept.place == inMemory && r.ring != nil:
		return r.ring.base, 0
	}
	return mark{}, 0
}

// A spot is a place in a file, and how far the file may be read.
type spot struct {
	place place
	seg   uint32
	index int   // in shared segments: which of the run's frames
	off   int64 // in the file
	limit int64 // in a segment of its own: the end of what is published
}

// locate returns where to read on for a reader at c whose last read ended at from. It returns false
// if all files have been read. Everything before the returned spot is covered by c.
func (k *kept) locate(from spot, c mark, s task.Stream) (spot, bool) {
	switch k.place {
	case inShared:
		i := 0
		if from.place == inShared {
			i = from.index
		}
		if i >= k.npos {
			return spot{}, false
		}
		return spot{place: inShared, seg: k.pos[i].seg, index: i, off: int64(k.pos[i].off)}, true
	case inOwn:
		i, off := k.segment(from, c, s)
		if i >= len(k.segs) {
			return spot{}, false
		}
		return spot{place: inOwn, seg: k.segs[i].n, off: off, limit: k.segs[i].size}, true
	}
	return spot{}, false
}

// segment returns the index of the segment in which to read on, and where in it.
func (k *kept) segment(from spot, c mark, s task.Stream) (int, int64) {
	if from.place == inOwn {
		i := sort.Search(len(k.segs), func(i int) bool { return k.segs[i].n >= from.seg })
		if i < len(k.segs) && k.segs[i].n == from.seg {
			if from.off < k.segs[i].size {
				return i, from.off
			}
			return i + 1, 0
		}
	}
	return sort.Search(max(len(k.segs)-1, 0), func(i int) bool { return !c.covers(k.segs[i+1].base, s) }), 0
}
