package output

import (
	"sort"

	"github.com/soltihq/solti-host/host/task"
)

// A ring holds the newest frames of a run in memory. Whoever has a run's lock owns its ring; the
// bytes that it has handed out never change.
type ring struct {
	entries []entry // in order of arrival; those before head are gone
	head    int
	base    mark   // everything before the first entry
	last    mark   // everything up to the last entry
	block   []byte // where small pieces are gathered: used up to its length
	used    int64  // bytes of memory, but for the slack of two blocks
}

// An entry is a piece of a stream, or a gap.
type entry struct {
	stream task.Stream
	offset int64
	data   []byte
	gap    int64
	why    string
	at     int64
	after  mark // everything up to this entry
}

const (
	ringCost   = 768      // bytes of memory of a ring and its run
	entryCost  = 112      // bytes of memory of an entry beside its data
	blockMin   = 512      // first block of a ring
	blockMax   = 32 << 10 // last
	pieceLarge = 8 << 10  // pieces from here on are kept apart
	coalesce   = 10e6     // ns within which pieces are joined into one
)

// newRing returns a ring for what comes after base.
func newRing(base mark) *ring { return &ring{base: base, last: base, used: ringCost} }

// add appends a frame, which follows the last of its stream, and keeps the ring within limit bytes.
// It returns how much memory it took (negative: gave back) and how many bytes of data went.
func (r *ring) add(f *frame, limit int64) (grown, lost int64) {
	before := r.used
	i := f.stream - 1
	r.last[i] = f.offset + f.size()
	switch {
	case f.kind == kindGap:
		r.push(entry{stream: f.stream, offset: f.offset, gap: f.gap, why: f.why, at: f.at, after: r.last})
	case len(f.data) >= pieceLarge:
		data := append([]byte(nil), f.data...)
		r.push(entry{stream: f.stream, offset: f.offset, data: data, at: f.at, after: r.last})
	default:
		r.gather(f)
	}
	lost = r.evict(limit)
	return r.used - before, lost
}

// gather appends a small piece to the block, and to the last entry where both belong together.
func (r *ring) gather(f *frame) {
	offset, data := f.offset, f.data
	for len(data) > 0 {
		if len(r.block) == cap(r.block) {
			r.block = make([]byte, 0, min(max(2*cap(r.block), blockMin), blockMax))
		}
		n := min(len(data), cap(r.block)-len(r.block))
		start := len(r.block)
		r.block = append(r.block, data[:n]...)
		if e := r.joint(f, offset, start); e != nil {
			e.data = e.data[:len(e.data)+n]
			e.after[f.stream-1] += int64(n)
			r.used += int64(n)
		} else {
			after := r.last
			after[f.stream-1] = offset + int64(n)
			r.push(entry{stream: f.stream, offset: offset, data: r.block[start:], at: f.at, after: after})
		}
		offset, data = offset+int64(n), data[n:]
	}
}

// joint returns the last entry if a piece of f at offset, which lies at start of the block, can be
// joined to it.
func (r *ring) joint(f *frame, offset int64, start int) *entry {
	if start == 0 || r.head == len(r.entries) {
		return nil
	}
	e := &r.entries[len(r.entries)-1]
	same := e.stream == f.stream && e.gap == 0 && len(e.data) < pieceLarge &&
		e.offset+int64(len(e.data)) == offset && f.at-e.at >= 0 && f.at-e.at <= coalesce
	if !same || cap(e.data) == len(e.data) || &e.data[:cap(e.data)][len(e.data)] != &r.block[start] {
		return nil
	}
	return e
}

func (r *ring) push(e entry) {
	if r.head > 32 && r.head > len(r.entries)/2 {
		n := copy(r.entries, r.entries[r.head:])
		clear(r.entries[n:])
		r.entries, r.head = r.entries[:n], 0
	}
	r.entries = append(r.entries, e)
	r.used += int64(len(e.data)) + entryCost
}

// evict drops the oldest entries until the ring is within limit bytes, and returns how many bytes
// of data went.
func (r *ring) evict(limit int64) (lost int64) {
	for r.used > limit && r.head < len(r.entries) {
		e := &r.entries[r.head]
		lost += int64(len(e.data))
		r.used -= int64(len(e.data)) + entryCost
		r.base = e.after
		*e = entry{}
		r.head++
	}
	if r.head == len(r.entries) {
		r.entries, r.head, r.block = r.entries[:0], 0, nil
	}
	return lost
}

// find returns the first entry that c does not cover in stream s, or nil.
func (r *ring) find(c mark, s task.Stream) *entry {
	live := r.entries[r.head:]
	i := sort.Search(len(live), func(i int) bool { return !c.covers(live[i].after, s) })
	if i == len(live) {
		return nil
	}
	return &live[i]
}
