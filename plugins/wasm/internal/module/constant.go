package module

// Instructions of constant expressions.
const (
	opLoop      = 0x03
	opEnd       = 0x0b
	opGlobalGet = 0x23
	opI32Const  = 0x41
	opI64Const  = 0x42
	opF32Const  = 0x43
	opF64Const  = 0x44
	opI32Add    = 0x6a
	opI32Mul    = 0x6c
	opI64Add    = 0x7c
	opI64Mul    = 0x7e
	opRefNull   = 0xd0
	opRefFunc   = 0xd2
	opVector    = 0xfd
	vectorConst = 0x0c
)

// constant reads a constant expression. plain says that it is a single i32.const, of which value is what an
// address is made of.
func (p *parser) constant() (value uint32, plain bool) {
	r := &p.r
	for n := 0; ; n++ {
		begin := r.at
		switch op := r.byte("a constant expression"); op {
		case opEnd:
			return value, plain && n == 1 && r.ok()
		case opI32Const:
			value, plain = uint32(r.int(32, "a constant")), true
		case opI64Const:
			r.int(64, "a constant")
		case opF32Const:
			r.bytes(4, "a constant")
		case opF64Const:
			r.bytes(8, "a constant")
		case opGlobalGet, opRefFunc:
			r.u32("a constant")
		case opRefNull:
			p.heapType()
		case opVector:
			if r.uint(32, "a constant") != vectorConst {
				r.fail(begin, "a constant expression has an instruction that is not constant")
			}
			r.bytes(16, "a constant")
		default:
			extended := op >= opI32Add && op <= opI32Mul || op >= opI64Add && op <= opI64Mul
			if !extended {
				r.fail(begin, "a constant expression has instruction 0x%02x, which is not constant", op)
			}
		}
		if !r.ok() {
			return 0, false
		}
	}
}
