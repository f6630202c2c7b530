package moduletest

import "strings"

// Full is what TableBomb and MemoryBomb say on stdout when they get no more.
const Full = "full\n"

// TableBomb grows a table without a maximum by 1 Mi elements at a time until it is refused.
func TableBomb() []byte { return tableBomb(Limits{Min: 1}) }

func tableBomb(l Limits) []byte {
	p := NewProgram(1, "fd_write")
	p.Table(Funcref, l)
	grow := NullFunc + I32Const(1<<20) + TableGrow(0)
	return p.Main(nil, p.Say(1, Ready)+untilRefused(grow)+p.Say(1, Full))
}

// MemoryBomb grows its memory by 1 MiB at a time, and writes to all of it, until it is refused.
func MemoryBomb() []byte {
	p := NewProgram(1, "fd_write")
	grow := I32Const(16) + MemoryGrow + LocalTee(0)
	fill := LocalGet(0) + I32Const(16) + I32Shl + I32Const(0xaa) + I32Const(1<<20) + MemoryFill
	return p.Main([]Type{I32}, p.Say(1, Ready)+untilRefused(grow, fill)+p.Say(1, Full))
}

// untilRefused repeats what pushes a size or -1, and then the rest, until it was -1.
func untilRefused(grow Code, then ...Code) Code {
	rest := Code("")
	for _, c := range then {
		rest += c
	}
	return Block(Forever(grow + I32Const(-1) + I32Eq + BrIf(1) + rest))
}

// Recursion calls itself until the stack is full.
func Recursion() []byte {
	p := NewProgram(1, "fd_write")
	f := p.Declare(nil, []Type{I32})
	p.Define(f, nil, Call(f)+I32Const(1)+I32Add)
	return p.Main(nil, p.Say(1, Ready)+Call(f)+Drop)
}

// MostOpens is how many files [Opens] opens if it may.
const MostOpens = 20_000

// Opens opens the directory that is descriptor 3 MostOpens times and closes none. It exits with the first
// errno, or with 0.
func Opens() []byte {
	p := NewProgram(1, "path_open", "proc_exit")
	name := p.Put([]byte("."))
	open := I32Const(3) + I32Const(0) + I32Const(int32(name)) + I32Const(1) + I32Const(0) +
		I64Const(0) + I64Const(0) + I32Const(0) + I32Const(scratch) + p.Call("path_open")
	next := LocalGet(0) + I32Const(1) + I32Sub + LocalTee(0)
	return p.Main([]Type{I32, I32}, I32Const(MostOpens)+LocalSet(0)+
		Again(open+LocalTee(1)+If(LocalGet(1)+p.Exit())+next+BrIf(0))+I32Const(0)+p.Exit())
}

// OutputFlood writes lines of 64 bytes to stdout, 64 KiB at a time, without end. It exits with the first errno.
func OutputFlood() []byte {
	p := NewProgram(2, "fd_write", "proc_exit")
	line := strings.Repeat("x", 63) + "\n"
	vector := p.Vector(p.Put([]byte(strings.Repeat(line, 1024))), 64<<10)
	write := I32Const(1) + I32Const(int32(vector)) + I32Const(1) + I32Const(scratch) + p.Call("fd_write")
	return p.Main([]Type{I32}, Again(write+LocalTee(0)+I32Eqz+BrIf(0))+LocalGet(0)+p.Exit())
}

// CompileBomb is a valid function of n loops, one inside the other, that changes n variables in the innermost:
// some 20 bytes for each. Compilers that optimise give every loop a version of every variable, so that time
// and memory grow with the square of n and more: wazero 1.12 takes about a second for 400, and some GiB for
// 2000, which are 40 KB. Such a number of loops inside each other can be seen, so that it need not be tried.
// Run, it ends at once.
func CompileBomb(n int) []byte {
	p := NewProgram(1)
	types := make([]Type, n)
	var open, inner, end strings.Builder
	for i := range n {
		types[i] = I32
		a, b := uint32(i), uint32((i*7+3)%n)
		open.WriteString("\x03\x40")
		inner.WriteString(string(LocalGet(a) + LocalGet(b) + I32Add + LocalSet(a)))
		end.WriteString(string(LocalGet(a) + BrIf(0) + "\x0b"))
	}
	return p.Main(types, Code(open.String()+inner.String()+end.String()))
}
