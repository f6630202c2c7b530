package moduletest

// Code is a piece of a function's body, in bytes. Pieces are joined with +.
type Code string

// Instructions without immediates.
const (
	Unreachable Code = "\x00"
	Nop         Code = "\x01"
	Else        Code = "\x05"
	Return      Code = "\x0f"
	Drop        Code = "\x1a"
	I32Eqz      Code = "\x45"
	I32Eq       Code = "\x46"
	I32LtU      Code = "\x49"
	I32Add      Code = "\x6a"
	I32Sub      Code = "\x6b"
	I32DivS     Code = "\x6d"
	I32Shl      Code = "\x74"
	I32TruncF32 Code = "\xa8" // i32.trunc_f32_s
	MemoryGrow  Code = "\x40\x00"
	MemoryFill  Code = "\xfc\x0b\x00"
	MemoryCopy  Code = "\xfc\x0a\x00\x00"
	NullFunc    Code = "\xd0\x70" // ref.null func
)

// Block is a block without values; a branch to it leaves it.
func Block(body Code) Code { return "\x02\x40" + body + "\x0b" }

// Again is a loop without values; a branch to it begins it anew, and reaching its end leaves it.
func Again(body Code) Code { return "\x03\x40" + body + "\x0b" }

// Forever is a loop that nothing but a branch outwards leaves. Inside, label 0 is the loop.
func Forever(body Code) Code { return Again(body + Br(0)) }

// If takes the condition off the stack.
func If(body Code) Code { return "\x04\x40" + body + "\x0b" }

// Br branches to the label that is so many levels out.
func Br(label uint32) Code { return "\x0c" + u(label) }

// BrIf branches if the number on the stack is not 0.
func BrIf(label uint32) Code { return "\x0d" + u(label) }

// Call calls a function.
func Call(f Func) Code { return "\x10" + u(uint32(f)) }

// CallIndirect calls through table 0 what the number on the stack names.
func CallIndirect(signature uint32) Code { return "\x11" + u(signature) + "\x00" }

// TailCall leaves the function for another (feature tail-call).
func TailCall(f Func) Code { return "\x12" + u(uint32(f)) }

// LocalGet pushes a local variable; parameters are the first of them.
func LocalGet(i uint32) Code { return "\x20" + u(i) }

// LocalSet pops into a local variable.
func LocalSet(i uint32) Code { return "\x21" + u(i) }

// LocalTee stores into a local variable and leaves the value on the stack.
func LocalTee(i uint32) Code { return "\x22" + u(i) }

// GlobalGet pushes a global variable.
func GlobalGet(i uint32) Code { return "\x23" + u(i) }

// I32Load loads from the address on the stack plus offset.
func I32Load(offset uint32) Code { return "\x28\x02" + u(offset) }

// I32Load8 loads one byte, unsigned, from the address on the stack plus offset.
func I32Load8(offset uint32) Code { return "\x2d\x00" + u(offset) }

// I32Store stores at the address below the value on the stack, plus offset.
func I32Store(offset uint32) Code { return "\x36\x02" + u(offset) }

// I32AtomicLoad loads from the address on the stack, which must be a multiple of 4 (feature threads).
func I32AtomicLoad() Code { return "\xfe\x10\x02\x00" }

// I32Const pushes a number.
func I32Const(v int32) Code { return "\x41" + Code(Int(int64(v))) }

// I64Const pushes a number.
func I64Const(v int64) Code { return "\x42" + Code(Int(v)) }

// F32Const pushes the number with these bits, which are in little-endian order.
func F32Const(bits [4]byte) Code { return "\x43" + Code(bits[:]) }

// MemoryInit copies from a passive data segment.
func MemoryInit(segment uint32) Code { return "\xfc\x08" + u(segment) + "\x00" }

// DataDrop gives up a passive data segment.
func DataDrop(segment uint32) Code { return "\xfc\x09" + u(segment) }

// TableGrow takes a reference and a number of elements, and pushes the old size or -1.
func TableGrow(table uint32) Code { return "\xfc\x0f" + u(table) }

func u(v uint32) Code { return Code(Uint(uint64(v))) }
