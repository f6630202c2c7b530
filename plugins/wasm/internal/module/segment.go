package module

// elementSection reads what goes into tables. The low bits of a segment's flags say whether it is passive or
// declared only, whether it names its table and type, and whether its items are expressions.
func (p *parser) elementSection() {
	const notActive, explicit, expressions = 1, 2, 4
	r := &p.r
	for n := r.count(3, maxSegments, "element segments"); n > 0 && r.ok(); n-- {
		begin := r.at
		flags := r.u32("an element segment")
		if flags > notActive|explicit|expressions {
			r.fail(begin, "an element segment has unknown flags 0x%02x", flags)
			return
		}
		if flags&notActive == 0 {
			if flags&explicit != 0 {
				r.u32("a table")
			}
			p.constant()
		}
		if flags&(notActive|explicit) != 0 {
			p.elementType(flags&expressions != 0)
		}
		if flags&expressions == 0 {
			for items := r.count(1, maxElements, "elements"); items > 0 && r.ok(); items-- {
				r.u32("an element")
			}
			continue
		}
		for items := r.count(2, maxElements, "elements"); items > 0 && r.ok(); items-- {
			p.constant()
		}
	}
}

func (p *parser) elementType(full bool) {
	begin := p.r.at
	if !full {
		if p.r.byte("the kind of elements") != 0 {
			p.r.fail(begin, "elements of an unknown kind; %s", newer)
		}
		return
	}
	if t := p.valueType(); p.r.ok() && !t.isReference() {
		p.r.fail(begin, "elements cannot be %s", t)
	}
}

// How a data segment begins.
const (
	dataActive   = 0
	dataPassive  = 1
	dataExplicit = 2 // active, and names its memory
)

// A segment is one of data.
type segment struct {
	offset uint32 // in memory
	begin  int    // of its bytes in the module
	end    int
	fixed  bool // it is active in memory 0, and its offset is a plain number
}

func (s segment) size() int { return s.end - s.begin }

func (p *parser) dataSection() {
	n := p.r.count(2, maxSegments, "data segments")
	p.facts.Segments = n
	for ; n > 0 && p.r.ok(); n-- {
		p.segment()
	}
}

func (p *parser) segment() segment {
	r := &p.r
	s := segment{fixed: true}
	begin := r.at
	switch flags := r.u32("a data segment"); flags {
	case dataPassive:
		s.fixed = false
	case dataExplicit:
		memory := r.u32("a memory")
		s.fixed = memory == 0
		p.has(memory, len(p.facts.Memories), begin, "memory")
		fallthrough
	case dataActive:
		p.has(0, len(p.facts.Memories), begin, "memory")
		var plain bool
		s.offset, plain = p.constant()
		s.fixed = s.fixed && plain
	default:
		r.fail(begin, "a data segment has unknown flags 0x%02x", flags)
	}
	size := r.length("a data segment")
	s.begin = r.at
	r.bytes(uint64(size), "a data segment")
	s.end = r.at
	return s
}
