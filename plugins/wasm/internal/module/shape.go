package module

// A shape is what follows the first byte of an instruction.
type shape byte

// The shapes. Zero is for what is not known, so that no instruction is known by accident.
const (
	shapeUnknown shape = iota
	shapeNone
	shapeEnd
	shapeBlock
	shapeIndex    // of a variable, function, table or branch
	shapeTwo      // indices
	shapeMemory   // a memory's index
	shapeAccess   // alignment and offset
	shapeI32      // a signed number
	shapeI64      // a signed number
	shapeF32      // four bytes
	shapeF64      // eight bytes
	shapeTable    // of branches
	shapeTypes    // a list
	shapeHeapType //
	shapeTailCall
	shapeTailCallIndirect
	shapeReference
	shapeReferenceIndex
	shapeThrow
	shapeThrowRef
	shapeTryTable
	shapeMisc
	shapeVector
	shapeAtomic
)

// shapes gives each first byte its shape.
var shapes = func() (t [256]shape) {
	fill := func(from, to byte, s shape) {
		for i := int(from); i <= int(to); i++ {
			t[i] = s
		}
	}
	fill(0x00, 0x01, shapeNone)  // unreachable, nop
	fill(0x02, 0x04, shapeBlock) // block, loop, if
	fill(0x05, 0x05, shapeNone)  // else
	fill(0x08, 0x08, shapeThrow)
	fill(0x0a, 0x0a, shapeThrowRef)
	fill(opEnd, opEnd, shapeEnd)
	fill(0x0c, 0x0d, shapeIndex) // br, br_if
	fill(0x0e, 0x0e, shapeTable)
	fill(0x0f, 0x0f, shapeNone)  // return
	fill(0x10, 0x10, shapeIndex) // call
	fill(0x11, 0x11, shapeTwo)   // call_indirect
	fill(0x12, 0x12, shapeTailCall)
	fill(0x13, 0x13, shapeTailCallIndirect)
	fill(0x14, 0x15, shapeReferenceIndex) // call_ref, return_call_ref
	fill(0x1a, 0x1b, shapeNone)           // drop, select
	fill(0x1c, 0x1c, shapeTypes)
	fill(0x1f, 0x1f, shapeTryTable)
	fill(0x20, 0x26, shapeIndex)  // variables, tables
	fill(0x28, 0x3e, shapeAccess) // loads, stores
	fill(0x3f, 0x40, shapeMemory) // memory.size, memory.grow
	fill(opI32Const, opI32Const, shapeI32)
	fill(opI64Const, opI64Const, shapeI64)
	fill(opF32Const, opF32Const, shapeF32)
	fill(opF64Const, opF64Const, shapeF64)
	fill(0x45, 0xc4, shapeNone) // arithmetic
	fill(opRefNull, opRefNull, shapeHeapType)
	fill(0xd1, 0xd1, shapeNone) // ref.is_null
	fill(opRefFunc, opRefFunc, shapeIndex)
	fill(0xd4, 0xd4, shapeReference)      // ref.as_non_null
	fill(0xd5, 0xd6, shapeReferenceIndex) // br_on_null, br_on_non_null
	fill(0xfc, 0xfc, shapeMisc)
	fill(opVector, opVector, shapeVector)
	fill(0xfe, 0xfe, shapeAtomic)
	return t
}()
