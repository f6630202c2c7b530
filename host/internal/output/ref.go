package output

import (
	"cmp"
	"encoding/binary"
	"errors"
)

// A position is the place of a frame in the shared segments.
type position struct {
	seg uint32
	off uint32
}

// compare orders positions as their frames arrived.
func (p position) compare(o position) int {
	return cmp.Or(cmp.Compare(p.seg, o.seg), cmp.Compare(p.off, o.off))
}

// Where the frames of a run are.
type place byte

const (
	inMemory place = iota + 1 // in the ring, or nowhere because there are none
	inShared                  // in shared segments
	inOwn                     // in a directory of its own
)

// A ref says where an ended run's output is and how much there was: version and place u8, uvarint
// stdout, uvarint stderr, and of shared segments the positions.
type ref struct {
	place place
	ends  mark
	pos   []position
}

const refVersion = 1 << 4

var errRef = errors.New("the reference to the output is damaged, or of a later version of the host")

// maxSmall is the number of frames a run may have in shared segments.
const maxSmall = 16

func (r ref) encode() []byte {
	b := make([]byte, 0, 16+6*len(r.pos))
	b = append(b, refVersion|byte(r.place))
	b = binary.AppendUvarint(b, uint64(r.ends[0]))
	b = binary.AppendUvarint(b, uint64(r.ends[1]))
	if r.place == inShared {
		b = appendPositions(b, r.pos)
	}
	return b
}

func parseRef(b []byte) (ref, error) {
	if len(b) == 0 || b[0]&^15 != refVersion {
		return ref{}, errRef
	}
	r := ref{place: place(b[0] & 15)}
	b = b[1:]
	for i := range r.ends {
		v, n := binary.Uvarint(b)
		if n <= 0 || v > maxOffset {
			return ref{}, errRef
		}
		r.ends[i], b = int64(v), b[n:]
	}
	if r.place == inShared {
		var ok bool
		if r.pos, b, ok = parsePositions(b); !ok {
			return ref{}, errRef
		}
	}
	if len(b) > 0 || r.place < inMemory || r.place > inOwn {
		return ref{}, errRef
	}
	return r, nil
}

// appendPositions packs rising positions: their number, then for each the difference of segments
// and, within one segment, of offsets.
func appendPositions(b []byte, pos []position) []byte {
	b = binary.AppendUvarint(b, uint64(len(pos)))
	var last position
	for _, p := range pos {
		if p.seg != last.seg {
			last.off = 0
		}
		b = binary.AppendUvarint(b, uint64(p.seg-last.seg))
		b = binary.AppendUvarint(b, uint64(p.off-last.off))
		last = p
	}
	return b
}

// parsePositions is the inverse of appendPositions and returns the rest of b.
func parsePositions(b []byte) (pos []position, rest []byte, ok bool) {
	count, n := binary.Uvarint(b)
	if n <= 0 || count > maxSmall {
		return nil, nil, false
	}
	b = b[n:]
	var last position
	for range count {
		seg, n := binary.Uvarint(b)
		if n <= 0 || seg > 1<<32-1-uint64(last.seg) {
			return nil, nil, false
		}
		b = b[n:]
		if seg > 0 {
			last.off = 0
		}
		off, n := binary.Uvarint(b)
		if n <= 0 || off > 1<<32-1-uint64(last.off) {
			return nil, nil, false
		}
		b = b[n:]
		last = position{last.seg + uint32(seg), last.off + uint32(off)}
		pos = append(pos, last)
	}
	return pos, b, true
}
