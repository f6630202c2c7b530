package moduletest

import "fmt"

// Hello writes text to stdout and returns.
func Hello(text string) []byte {
	p := NewProgram(1, "fd_write")
	return p.Main(nil, p.Say(1, text))
}

// Exit writes to both streams what is not empty, and exits with a code.
func Exit(code uint32, stdout, stderr string) []byte {
	p := NewProgram(1, "fd_write", "proc_exit")
	body := Code("")
	for i, text := range []string{stdout, stderr} {
		if text != "" {
			body += p.Say(int32(1+i), text)
		}
	}
	return p.Main(nil, body+I32Const(int32(code))+p.Exit())
}

// Cat copies stdin to stdout until its end. It exits with the first errno.
func Cat() []byte {
	const buffer, size = 32 << 10, 16 << 10
	p := NewProgram(1, "fd_read", "fd_write", "proc_exit")
	in, out := p.Vector(buffer, size), p.Vector(buffer, 0)
	call := func(name string, fd int32, vector uint32) Code {
		return I32Const(fd) + I32Const(int32(vector)) + I32Const(1) + I32Const(scratch) + p.Call(name) +
			LocalTee(0) + If(LocalGet(0)+p.Exit())
	}
	read := I32Const(scratch) + I32Load(0)
	return p.Main([]Type{I32}, Block(Forever(
		call("fd_read", 0, in)+read+I32Eqz+BrIf(1)+
			I32Const(int32(out))+read+I32Store(4)+call("fd_write", 1, out))))
}

// Arguments writes the program's arguments to stdout, each with a NUL at its end.
func Arguments() []byte { return list("args") }

// Environment writes the program's environment to stdout, each NAME=VALUE with a NUL at its end.
func Environment() []byte { return list("environ") }

func list(what string) []byte {
	const pointers, text = 1 << 16, 1 << 18
	p := NewProgram(8, what+"_sizes_get", what+"_get", "fd_write")
	out := p.Vector(text, 0)
	return p.Main(nil, I32Const(scratch)+I32Const(int32(out+4))+p.Call(what+"_sizes_get")+Drop+
		I32Const(pointers)+I32Const(text)+p.Call(what+"_get")+Drop+
		I32Const(1)+I32Const(int32(out))+I32Const(1)+I32Const(scratch)+p.Call("fd_write")+Drop)
}

// Traps are the kinds of [Trap] that need no feature.
func Traps() []string {
	return []string{
		"unreachable", "memory_oob", "table_oob", "null_element", "indirect_type", "div_zero",
		"int_overflow", "bad_conversion", "stack_overflow",
	}
}

// UnalignedAtomic is the kind of [Trap] that needs the feature threads.
const UnalignedAtomic = "unaligned_atomic"

// Trap is a program that ends by a trap of this kind, in a function named "work" that _start calls.
// A kind that is neither of [Traps] nor [UnalignedAtomic] panics.
func Trap(kind string) []byte {
	p := NewProgram(1)
	p.Table(Funcref, Limits{Min: 2})
	void, number := p.Signature(nil, nil), p.Signature([]Type{I32}, nil)
	work := p.Declare(nil, nil)
	p.Elements(0, work)
	var body Code
	switch kind {
	case "unreachable":
		body = Unreachable
	case "memory_oob":
		body = I32Const(-4) + I32Load(0) + Drop
	case "table_oob":
		body = I32Const(9) + CallIndirect(void)
	case "null_element":
		body = I32Const(1) + CallIndirect(void)
	case "indirect_type":
		body = I32Const(0) + I32Const(0) + CallIndirect(number)
	case "div_zero":
		body = I32Const(1) + I32Const(0) + I32DivS + Drop
	case "int_overflow":
		body = I32Const(-1<<31) + I32Const(-1) + I32DivS + Drop
	case "bad_conversion":
		body = F32Const([4]byte{0, 0, 0xc0, 0x7f}) + I32TruncF32 + Drop
	case "stack_overflow":
		body = Call(work) + Nop
	case UnalignedAtomic:
		body = I32Const(2) + I32AtomicLoad() + Drop
	default:
		panic(fmt.Sprintf("moduletest: no trap %q", kind))
	}
	p.Define(work, nil, body)
	return p.Main(nil, Call(work))
}
