package module

// Instructions with prefix 0xfc that name a data segment.
const (
	miscMemoryInit = 8
	miscDataDrop   = 9
)

// misc reads what follows the prefix 0xfc.
func (p *parser) misc(at int) {
	r := &p.r
	switch op := r.u32("an instruction"); op {
	case 0, 1, 2, 3, 4, 5, 6, 7: // conversions that saturate
	case miscMemoryInit:
		p.nameSegment(at)
		p.memoryIndex(r.u32("a memory"))
	case miscDataDrop:
		p.nameSegment(at)
	case 10: // memory.copy
		p.memoryIndex(r.u32("a memory"))
		p.memoryIndex(r.u32("a memory"))
	case 11: // memory.fill
		p.memoryIndex(r.u32("a memory"))
	case 12, 14: // table.init, table.copy
		r.u32("a segment or table")
		r.u32("a table")
	case 13, 15, 16, 17: // elem.drop, table.grow, table.size, table.fill
		r.u32("a segment or table")
	default:
		r.fail(at, "instruction 0xfc %d is not known; %s", op, newer)
	}
}

// nameSegment reads the index of a data segment, of which there are as many as were announced.
func (p *parser) nameSegment(at int) {
	p.code.namesSegment = true
	begin := p.r.at
	index := p.r.u32("a data segment")
	if p.dataCount == nil {
		p.r.fail(at, "an instruction names a data segment, but there is no data count section before the code")
		return
	}
	p.has(index, int(*p.dataCount), begin, "data segment")
}

// vector reads what follows the prefix 0xfd. Codes from 0x100 on are those of relaxed SIMD, which promises no
// result.
func (p *parser) vector(at int) {
	const shuffle, lastLoad, relaxed = 0x0d, 0x0b, 0x100
	r := &p.r
	switch op := r.u32("an instruction"); {
	case op >= relaxed:
		r.fail(at, "instruction 0xfd 0x%x is not known; build without relaxed SIMD", op)
	case op <= lastLoad || op == 0x5c || op == 0x5d: // loads, splats, a store, loads with zeros
		p.access()
	case op == vectorConst || op == shuffle:
		r.bytes(16, "a vector")
	case op >= 0x15 && op <= 0x22: // lanes
		r.byte("a lane")
	case op >= 0x54 && op <= 0x5b: // loads and stores of lanes
		p.access()
		r.byte("a lane")
	}
}

// atomic reads what follows the prefix 0xfe.
func (p *parser) atomic(at int) {
	const fence, last = 0x03, 0x4e
	p.use(Threads)
	switch op := p.r.u32("an instruction"); {
	case op == fence:
		p.r.byte("a fence")
	case op > last || op > fence && op < 0x10:
		p.r.fail(at, "instruction 0xfe 0x%x is not known; %s", op, newer)
	default:
		p.access()
	}
}
