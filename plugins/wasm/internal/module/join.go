package module

import "encoding/binary"

// maxGap is up to where segments are joined: closer ones cost more apart than the zeros between them.
const maxGap = 64

// morePadding is by how much padding may exceed the module's own length. It is only ever more in modules made
// for that.
const morePadding = 1 << 20

// data is a data section in the making: runs of segments that become one each.
type data struct {
	runs     []run
	segments []segment
	padding  int // bytes between segments of a run
}

// A run is some segments in a row.
type run struct {
	first, last int // segments
	size        int // of all, and what is between them
}

// join decides which data segments become one, or returns nil if all stay as they are.
//
// Memory is zero when an instance begins to fill it, so zeros may be put between two segments as long as no
// other segment writes there, and nobody else has: the memory must be the module's own. Where a segment
// lies outside of memory, instantiation fails in the middle of it all, so then nothing is touched; and segments
// that instructions name must keep their numbers.
func (p *parser) join() *data {
	if p.code.namesSegment || p.facts.Segments < 2 || !p.ownsMemory() {
		return nil
	}
	d := &data{segments: make([]segment, 0, p.facts.Segments)}
	for _, s := range p.sections {
		if s.code == sectionData {
			again := parser{r: reader{b: p.r.b, at: int(s.payload), end: int(s.end)}, facts: Facts{Memories: p.facts.Memories}}
			for range again.r.count(2, maxSegments, "data segments") {
				d.segments = append(d.segments, again.segment())
			}
		}
	}
	if !d.inside(p.facts.Memories[0].Min * pageSize) {
		return nil
	}
	if d.group(maxGap); d.padding > len(p.r.b)+morePadding {
		d.group(1)
	}
	if len(d.runs) == len(d.segments) {
		return nil
	}
	return d
}

const pageSize = 64 << 10

// ownsMemory reports whether there is one memory, which the module defines, with addresses of 32 bits.
func (p *parser) ownsMemory() bool {
	if len(p.facts.Memories) != 1 || p.facts.Memories[0].Is64 || p.facts.Memories[0].Shared {
		return false
	}
	for _, i := range p.facts.Imports {
		if i.Kind == KindMemory {
			return false
		}
	}
	return true
}

// inside reports whether all segments have a known place in a memory of this size. Beyond 2 GiB, where signs
// begin, nothing counts as known.
func (d *data) inside(memory uint64) bool {
	memory = min(memory, 1<<31)
	for _, s := range d.segments {
		if !s.fixed || uint64(s.offset)+uint64(s.size()) > memory {
			return false
		}
	}
	return true
}

// group puts each segment into the run before it, if it begins behind its end, less than gap bytes from there,
// and no segment writes in between. Segments keep their order, so it does not matter who overwrites whom.
func (d *data) group(gap uint64) {
	d.runs, d.padding = d.runs[:0], 0
	written := d.written()
	end := uint64(0) // of the last segment
	for i, s := range d.segments {
		offset := uint64(s.offset)
		if i > 0 && offset >= end && offset-end < gap && written.free(end, offset) {
			r := &d.runs[len(d.runs)-1]
			r.last, r.size = i, r.size+int(offset-end)+s.size()
			d.padding += int(offset - end)
		} else {
			d.runs = append(d.runs, run{i, i, s.size()})
		}
		end = offset + uint64(s.size())
	}
}

// size returns how many bytes append adds.
func (d *data) size() int {
	n := len(binary.AppendUvarint(nil, uint64(len(d.runs))))
	var head [32]byte
	for _, r := range d.runs {
		n += len(d.head(head[:0], r)) + r.size
	}
	return n
}

// append adds the content of the data section.
func (d *data) append(out, wasm []byte) []byte {
	out = binary.AppendUvarint(out, uint64(len(d.runs)))
	for _, r := range d.runs {
		out = d.head(out, r)
		begin := d.segments[r.first].offset
		at := len(out) - int(begin)
		for _, s := range d.segments[r.first : r.last+1] {
			out = append(out, make([]byte, at+int(s.offset)-len(out))...)
			out = append(out, wasm[s.begin:s.end]...)
		}
	}
	return out
}

// head adds what comes before the bytes of a run: its kind, where it goes and how long it is.
func (d *data) head(out []byte, r run) []byte {
	out = append(out, dataActive, opI32Const)
	out = appendInt(out, int32(d.segments[r.first].offset))
	out = append(out, opEnd)
	return binary.AppendUvarint(out, uint64(r.size))
}

func appendInt(out []byte, v int32) []byte {
	for {
		b := byte(v & 0x7f)
		v >>= 7
		if v == 0 && b&0x40 == 0 || v == -1 && b&0x40 != 0 {
			return append(out, b)
		}
		out = append(out, b|0x80)
	}
}
