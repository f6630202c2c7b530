package module

// A burden is what compiling one function takes besides its size: the values that the compiler has to carry from
// one place to another. A loop carries every variable that is used in it, also by loops inside; blocks, branches and
// calls carry what their types say, of which a module needs few bytes for very many.
type burden struct {
	values uint64
	widest uint64 // the most that a branch in this function can carry
	loops  int    // around the instruction that is read
	nest   []bool // of each block that is open, whether it is a loop; kept for the next function
}

// begin forgets the last function. This one has a type.
func (b *burden) begin(a arity) {
	b.values, b.widest, b.loops, b.nest = a.sum(), uint64(a.results), 0, b.nest[:0]
}

// enter opens a block.
func (b *burden) enter(loop bool, a arity) {
	b.nest = append(b.nest, loop)
	b.widest = max(b.widest, uint64(a.params), uint64(a.results))
	if loop {
		b.loops++
	}
	b.values += a.sum() + uint64(b.loops)
}

// leave closes a block.
func (b *burden) leave() {
	last := len(b.nest) - 1
	if last < 0 {
		return // the function itself
	}
	if b.nest[last] {
		b.loops--
	}
	b.nest = b.nest[:last]
}

// burdenOf counts an instruction that names something.
func (p *parser) burdenOf(op byte, index uint32) {
	const br, brIf, call, get, tee = 0x0c, 0x0d, 0x10, 0x20, 0x22
	b := &p.code.burden
	switch {
	case op == br || op == brIf:
		b.values += b.widest
	case op == call:
		b.values += p.arityOfFunction(index).sum()
	case op >= get && op <= tee:
		b.values += uint64(b.loops)
	}
}

// weigh adds a function that was read to the facts.
func (p *parser) weigh(index uint32) {
	if p.code.burden.values > p.facts.MostCarried {
		p.facts.MostCarried, p.code.heaviest = p.code.burden.values, index
	}
}
