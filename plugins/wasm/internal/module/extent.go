package module

import (
	"cmp"
	"slices"
)

// An extent is a part of memory.
type extent struct{ begin, end uint64 }

// extents are parts of memory in their order, none of which touches the next.
type extents []extent

// written returns where segments put something.
func (d *data) written() extents {
	all := make(extents, 0, len(d.segments))
	for _, s := range d.segments {
		if s.size() > 0 {
			all = append(all, extent{uint64(s.offset), uint64(s.offset) + uint64(s.size())})
		}
	}
	byBegin := func(a, b extent) int { return cmp.Compare(a.begin, b.begin) }
	if !slices.IsSortedFunc(all, byBegin) {
		slices.SortFunc(all, byBegin)
	}
	joined := all[:0]
	for _, e := range all {
		if n := len(joined); n > 0 && e.begin <= joined[n-1].end {
			joined[n-1].end = max(joined[n-1].end, e.end)
			continue
		}
		joined = append(joined, e)
	}
	return joined
}

// free reports whether none of the extents reaches into the bytes from begin up to end.
func (all extents) free(begin, end uint64) bool {
	i, _ := slices.BinarySearchFunc(all, begin, func(e extent, at uint64) int {
		if e.end <= at {
			return -1
		}
		return 1
	})
	return begin >= end || i == len(all) || all[i].begin >= end
}
