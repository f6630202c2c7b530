package module

import (
	"encoding/binary"
	"errors"
)

// Normalized is a module that was made to start sooner.
type Normalized struct {
	Wasm     []byte   // the input itself where nothing changed
	Dropped  []string // the custom sections that are gone, by name
	Segments [2]int   // of data, before and after
	Changed  bool
}

// Normalize drops custom sections but "name" and, with keepDebug, DWARF, and joins data segments where nobody
// can tell. It refuses what [Inspect] refuses, and components.
func Normalize(wasm []byte, keepDebug bool) (Normalized, error) {
	p, err := parse(wasm)
	if err != nil {
		return Normalized{}, err
	}
	if p.facts.Component {
		return Normalized{}, errors.New("is a component, not a module")
	}
	n := Normalized{Wasm: wasm, Segments: [2]int{p.facts.Segments, p.facts.Segments}}
	for _, s := range p.sections {
		if s.dropped(keepDebug) {
			n.Dropped = append(n.Dropped, s.name)
		}
	}
	joined := p.join()
	if joined != nil {
		n.Segments[1] = len(joined.runs)
	}
	if n.Changed = joined != nil || len(n.Dropped) > 0; n.Changed {
		n.Wasm = p.rewrite(joined, keepDebug)
	}
	return n, nil
}

// dropped reports whether a section is left out. A section "name" that engines cannot read goes as well: they
// would refuse the module for it.
func (s *section) dropped(keepDebug bool) bool {
	return s.code == sectionCustom && !s.readable && !(keepDebug && isDebug(s.name))
}

// rewrite copies the module without what is dropped, and with other data where joined is not nil.
func (p *parser) rewrite(joined *data, keepDebug bool) []byte {
	size := len(p.r.b)
	if joined != nil {
		size += joined.padding
	}
	out := append(make([]byte, 0, size), p.r.b[:preambleSize]...)
	for _, s := range p.sections {
		switch {
		case s.dropped(keepDebug):
		case joined != nil && s.code == sectionData:
			out = appendSection(out, s.code, joined.size(), func(out []byte) []byte { return joined.append(out, p.r.b) })
		case joined != nil && s.code == sectionDataCount:
			count := binary.AppendUvarint(nil, uint64(len(joined.runs)))
			out = appendSection(out, s.code, len(count), func(out []byte) []byte { return append(out, count...) })
		default:
			out = append(out, p.r.b[s.begin:s.end]...)
		}
	}
	return out
}

func appendSection(out []byte, code byte, size int, payload func([]byte) []byte) []byte {
	return payload(binary.AppendUvarint(append(out, code), uint64(size)))
}
