package moduletest

import "strings"

// Explosives are valid commands of less than 100 KB that carry very many values, for which compilers
// that optimise take minutes or gigabytes: wazero 1.12 takes more than five seconds, or half a GiB, for each.
func Explosives() []Named {
	return []Named{
		{"loops", CompileBomb(2000)},
		{"empty-loops", main(new(Module), Code(strings.Repeat("\x03\x40", 20_000)+strings.Repeat("\x0b", 20_000)))},
		{"variables", manyVariables(8000)},
		{"blocks", wide(func(m *Module, same uint32) Code { return repeat("\x02"+Code(Int(int64(same)))+"\x0b", 5000) })},
		{"wide-loops", wide(func(m *Module, same uint32) Code {
			return repeat("\x03"+Code(Int(int64(same))), 5000) + repeat("\x0b", 5000)
		})},
		{"calls", wide(func(m *Module, same uint32) Code {
			f := m.Declare(most(), most())
			m.Define(f, nil, Unreachable)
			return repeat(Call(f), 5000)
		})},
		{"indirect-calls", wide(func(m *Module, same uint32) Code {
			m.Table(Funcref, Limits{Min: 1})
			return repeat(I32Const(0)+CallIndirect(same), 5000)
		})},
		{"branches", wide(func(m *Module, same uint32) Code {
			return "\x02" + Code(Int(int64(same))) + I32Const(0) + "\x0e" + u(10_000) + repeat("\x00", 10_001) + "\x0b"
		})},
	}
}

// BranchBomb is a valid function of n branches in a row that change half as many variables in turn, some 15 bytes
// for each. It carries nothing through loops or types, so that nothing but trying tells how long it takes to compile:
// wazero 1.12 takes half a minute for 5000. Run, it ends at once.
func BranchBomb(n int) []byte {
	variables := max(n/2, 1)
	types := make([]Type, variables)
	var body strings.Builder
	for i := range n {
		a, b := uint32(i%variables), uint32((i+7)%variables)
		body.WriteString(string(LocalGet(a) + If(LocalGet(b)+I32Const(1)+I32Add+LocalSet(a))))
	}
	for i := range types {
		types[i] = I32
	}
	p := NewProgram(1)
	return p.Main(types, Code(body.String()))
}

// most are as many types as a function may have parameters.
func most() []Type {
	types := make([]Type, 1000)
	for i := range types {
		types[i] = I32
	}
	return types
}

// wide is a command with a thousand values on the stack when body runs, which leaves as many. Same is the type of
// what takes and leaves them. A function that does not return brings them.
func wide(body func(m *Module, same uint32) Code) []byte {
	m := new(Module)
	source := m.Declare(nil, most())
	m.Define(source, nil, Unreachable)
	code := body(m, m.Signature(most(), most()))
	return main(m, Call(source)+code+repeat(Drop, 1000))
}

// manyVariables has n functions with as many variables as a function may have.
func manyVariables(n int) []byte {
	m := new(Module)
	for range n {
		m.DefineRaw(m.Declare(nil, nil), append(append([]byte{1}, Uint(50_000)...), byte(I64), 0x0b))
	}
	return main(m, "")
}

// main adds _start and encodes the module.
func main(m *Module, body Code) []byte {
	m.Export("_start", m.Func(nil, nil, nil, body))
	return m.Bytes()
}

func repeat(c Code, n int) Code { return Code(strings.Repeat(string(c), n)) }
