package module

// bodies is what is known of the functions with a body that were read.
type bodies struct {
	read         int    // how many
	largest      uint32 // the function with the largest body
	heaviest     uint32 // the one with the most to carry
	burden       burden // of the function that is being read
	namesSegment bool   // an instruction names a data segment
}

// codeSection reads the bodies of functions.
func (p *parser) codeSection() {
	r := &p.r
	n := r.count(3, maxFunctions, "function bodies")
	for ; p.code.read < n && r.ok(); p.code.read++ {
		outer := r.enter("a function")
		index := uint32(p.imported + p.code.read)
		if size := r.end - r.at; r.ok() && size > p.facts.LargestBody {
			p.facts.LargestBody, p.code.largest = size, index
		}
		p.locals(index)
		p.instructions()
		p.weigh(index)
		r.leave(outer, "a function")
	}
}

// locals reads the declarations of variables, which are few bytes for however many variables.
func (p *parser) locals(function uint32) {
	r := &p.r
	own := p.arityOfFunction(function)
	p.code.burden.begin(own)
	begin, sum := r.at, uint64(0)
	for n := r.count(2, maxElements, "groups of variables"); n > 0 && r.ok(); n-- {
		sum += uint64(r.u32("a number of variables"))
		p.valueType()
		if sum > maxLocals {
			r.fail(begin, "a function has %d variables or more, and %d are allowed", sum, maxLocals)
		}
	}
	p.facts.Variables += sum + own.sum()
}

// instructions reads instructions up to the end that belongs to the function itself, which must be the last.
func (p *parser) instructions() {
	r := &p.r
	for depth := 1; depth > 0 && r.ok(); {
		at := r.at
		op := r.byte("a function")
		switch shapes[op] {
		case shapeUnknown:
			r.fail(at, "instruction 0x%02x is not known; %s", op, without(op))
		case shapeNone:
		case shapeEnd:
			depth--
			p.code.burden.leave()
		case shapeBlock:
			depth++
			p.code.burden.enter(op == opLoop, p.blockType())
		case shapeTryTable:
			depth++
			p.code.burden.enter(false, p.blockType())
			p.catches()
		default:
			p.immediates(shapes[op], at)
		}
		if depth > 0 && r.at == r.end {
			r.fail(r.at, "a function does not end with its last instruction")
		}
	}
}

// blockType reads what a block takes and leaves: nothing, one value, or as a function type says.
func (p *parser) blockType() arity {
	const empty = 0x40
	r := &p.r
	if r.at < r.end {
		switch b := r.b[r.at]; {
		case b == empty:
			r.at++
			return arity{}
		case b > empty && b < 0x80: // one byte, and negative
			p.valueType()
			return arity{results: 1}
		}
	}
	begin := r.at
	t := r.int(33, "the type of a block")
	if t < 0 || t >= int64(len(p.types)) {
		r.fail(begin, "there is no type %d for a block", t)
		return arity{}
	}
	return p.arityOf(uint32(t))
}

// immediates reads what follows an instruction's first byte. at is where that was.
func (p *parser) immediates(s shape, at int) {
	const what = "an instruction"
	r := &p.r
	switch s {
	case shapeIndex:
		p.burdenOf(r.b[at], r.u32(what))
	case shapeTwo: // call_indirect: a type and a table
		p.code.burden.values += p.arityOf(r.u32(what)).sum()
		r.u32(what)
	case shapeMemory:
		p.memoryIndex(r.u32("a memory"))
	case shapeAccess:
		p.access()
	case shapeI32:
		r.int(32, what)
	case shapeI64:
		r.int(64, what)
	case shapeF32:
		r.bytes(4, what)
	case shapeF64:
		r.bytes(8, what)
	case shapeTable:
		n := r.count(1, maxElements, "branches") + 1
		p.code.burden.values += uint64(n) * p.code.burden.widest
		for ; n > 0 && r.ok(); n-- {
			r.u32("a branch")
		}
	case shapeTypes:
		for n := r.count(1, maxParams, "types"); n > 0 && r.ok(); n-- {
			p.valueType()
		}
	case shapeHeapType:
		p.heapType()
	default:
		p.extended(s, at)
	}
}

// extended reads what came with features.
func (p *parser) extended(s shape, at int) {
	r := &p.r
	switch s {
	case shapeTailCall:
		p.use(TailCall)
		r.u32("a function")
	case shapeTailCallIndirect:
		p.use(TailCall)
		r.u32("a type")
		r.u32("a table")
	case shapeReference, shapeReferenceIndex:
		p.use(FunctionReferences)
		if s == shapeReferenceIndex {
			r.u32("an instruction")
		}
	case shapeThrow, shapeThrowRef:
		p.use(Exceptions)
		if s == shapeThrow {
			r.u32("a tag")
		}
	case shapeMisc:
		p.misc(at)
	case shapeVector:
		p.vector(at)
	case shapeAtomic:
		p.atomic(at)
	}
}

// access reads where and how aligned a load or store is.
func (p *parser) access() {
	const named = 1 << 6 // the memory is named
	align := p.r.u32("an alignment")
	if align&named != 0 {
		p.memoryIndex(p.r.u32("a memory"))
	}
	bits := 32
	if p.used[Memory64] {
		bits = 64
	}
	p.r.uint(bits, "an offset")
}

func (p *parser) memoryIndex(index uint32) {
	if index > 0 {
		p.use(MultiMemory)
	}
}

// catches reads what a try_table catches.
func (p *parser) catches() {
	const last, all = 3, 2
	p.use(Exceptions)
	r := &p.r
	for n := r.count(2, maxElements, "catches"); n > 0 && r.ok(); n-- {
		at := r.at
		kind := r.byte("a catch")
		if kind > last {
			r.fail(at, "a catch of an unknown kind")
		}
		if kind < all {
			r.u32("a tag")
		}
		r.u32("a branch")
	}
}

// without says how to do without an instruction that is not known.
func without(op byte) string {
	switch op {
	case 0x06, 0x07, 0x09, 0x18, 0x19:
		return "build without exceptions: these are of a proposal that was replaced"
	case 0xfb:
		return "build without garbage collection by the engine, which Kotlin, Dart and Java compilers ask for"
	default:
		return newer
	}
}
