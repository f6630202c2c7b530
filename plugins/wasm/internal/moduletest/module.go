package moduletest

import (
	"fmt"
	"slices"
)

// A Type is the type of a value.
type Type byte

// The types of values.
const (
	I32       Type = 0x7f
	I64       Type = 0x7e
	F32       Type = 0x7d
	F64       Type = 0x7c
	V128      Type = 0x7b
	Funcref   Type = 0x70
	Externref Type = 0x6f
)

// A Func is the index of a function. Imported functions come first.
type Func uint32

// Limits are the bounds of a memory, in pages of 64 KiB, or of a table, in elements.
type Limits struct {
	Min, Max uint64
	HasMax   bool
	Shared   bool // a memory for threads
	Is64     bool // addresses of 64 bits
}

// A Module is a module in the making. The zero value is the empty module.
type Module struct {
	types, imports, functions, tables, memories, tags, globals, exports, elements, data [][]byte

	bodies  [][]byte // nil where a function is declared and not yet defined
	customs []custom
	start   *Func
	count   *uint64 // of data segments, as told beforehand
	foreign uint32  // imported functions
}

type custom struct {
	before byte
	raw    []byte
}

// Signature returns the index of a function type.
func (m *Module) Signature(params, results []Type) uint32 {
	raw := slices.Concat([]byte{0x60}, typeVector(params), typeVector(results))
	for i, t := range m.types {
		if slices.Equal(t, raw) {
			return uint32(i)
		}
	}
	m.types = append(m.types, raw)
	return uint32(len(m.types) - 1)
}

// Type adds a type in its encoded form, whatever it is.
func (m *Module) Type(raw []byte) { m.types = append(m.types, raw) }

// Import declares a function of another module. All imports come before the first Declare.
func (m *Module) Import(module, name string, params, results []Type) Func {
	if len(m.functions) > 0 {
		panic("moduletest: a function is imported after one was declared")
	}
	m.ImportRaw(module, name, append([]byte{0}, Uint(uint64(m.Signature(params, results)))...))
	m.foreign++
	return Func(m.foreign - 1)
}

// ImportMemory declares a memory of another module.
func (m *Module) ImportMemory(module, name string, l Limits) {
	m.ImportRaw(module, name, append([]byte{2}, l.encode()...))
}

// ImportGlobal declares a global variable of another module.
func (m *Module) ImportGlobal(module, name string, t Type, mutable bool) {
	m.ImportRaw(module, name, []byte{3, byte(t), flag(mutable)})
}

// ImportRaw declares something of another module, described in its encoded form.
func (m *Module) ImportRaw(module, name string, description []byte) {
	m.imports = append(m.imports, slices.Concat(Name(module), Name(name), description))
}

// Declare adds a function whose body comes later, by Define.
func (m *Module) Declare(params, results []Type) Func {
	m.functions = append(m.functions, Uint(uint64(m.Signature(params, results))))
	m.bodies = append(m.bodies, nil)
	return Func(m.foreign) + Func(len(m.functions)-1)
}

// Define gives a declared function its body, without the last end.
func (m *Module) Define(f Func, locals []Type, body Code) {
	raw := make([][]byte, len(locals))
	for i, t := range locals {
		raw[i] = []byte{1, byte(t)}
	}
	m.DefineRaw(f, append(append(Vector(raw), body...), 0x0b))
}

// DefineRaw gives a declared function its encoded locals and body, with the last end.
func (m *Module) DefineRaw(f Func, raw []byte) {
	m.bodies[uint32(f)-m.foreign] = append(Uint(uint64(len(raw))), raw...)
}

// Func adds a function with its body, without the last end.
func (m *Module) Func(params, results, locals []Type, body Code) Func {
	f := m.Declare(params, results)
	m.Define(f, locals, body)
	return f
}

// Memory adds a memory.
func (m *Module) Memory(l Limits) { m.memories = append(m.memories, l.encode()) }

// Table adds a table.
func (m *Module) Table(t Type, l Limits) {
	m.tables = append(m.tables, append([]byte{byte(t)}, l.encode()...))
}

// Tag adds a tag for exceptions (feature exception-handling).
func (m *Module) Tag(params []Type) {
	m.tags = append(m.tags, append([]byte{0}, Uint(uint64(m.Signature(params, nil)))...))
}

// Global adds a global variable with a constant expression, without its end.
func (m *Module) Global(t Type, mutable bool, init Code) {
	m.globals = append(m.globals, append(append([]byte{byte(t), flag(mutable)}, init...), 0x0b))
}

// Export exports a function.
func (m *Module) Export(name string, f Func) { m.ExportRaw(name, 0, uint32(f)) }

// ExportRaw exports what has this kind and this index: 0 functions, 1 tables, 2 memories, 3 globals, 4 tags.
func (m *Module) ExportRaw(name string, kind byte, index uint32) {
	m.exports = append(m.exports, slices.Concat(Name(name), []byte{kind}, Uint(uint64(index))))
}

// Start names the function that runs when the module is instantiated.
func (m *Module) Start(f Func) { m.start = &f }

// Elements puts functions into table 0 at offset.
func (m *Module) Elements(offset int32, functions ...Func) {
	raw := append([]byte{0}, I32Const(offset)+"\x0b"...)
	raw = append(raw, Uint(uint64(len(functions)))...)
	for _, f := range functions {
		raw = append(raw, Uint(uint64(f))...)
	}
	m.elements = append(m.elements, raw)
}

// ElementsRaw adds an element segment in its encoded form.
func (m *Module) ElementsRaw(raw []byte) { m.elements = append(m.elements, raw) }

// Data puts bytes into memory 0 at offset.
func (m *Module) Data(offset uint32, b []byte) { m.DataAt(I32Const(int32(offset)), b) }

// DataAt puts bytes into memory 0 at what a constant expression, without its end, says.
func (m *Module) DataAt(offset Code, b []byte) {
	m.DataRaw(slices.Concat([]byte{0}, []byte(offset+"\x0b"), Name(string(b))))
}

// PassiveData keeps bytes for memory.init.
func (m *Module) PassiveData(b []byte) { m.DataRaw(append([]byte{1}, Name(string(b))...)) }

// DataRaw adds a data segment in its encoded form.
func (m *Module) DataRaw(raw []byte) { m.data = append(m.data, raw) }

// DataCount tells the number of data segments beforehand, as memory.init needs it.
func (m *Module) DataCount(n uint64) { m.count = &n }

// Custom adds a custom section before the section with this identifier, or last where before is 0.
func (m *Module) Custom(before byte, name string, data []byte) {
	m.customs = append(m.customs, custom{before, Custom(name, data)})
}

// Names adds the section "name" for functions from number 0 on.
func (m *Module) Names(names ...string) { m.Custom(0, "name", FunctionNames(names...)) }

// Bytes encodes the module.
func (m *Module) Bytes() []byte {
	out := []byte(Preamble)
	out = m.vector(out, TypeSection, m.types)
	out = m.vector(out, ImportSection, m.imports)
	out = m.vector(out, FunctionSection, m.functions)
	out = m.vector(out, TableSection, m.tables)
	out = m.vector(out, MemorySection, m.memories)
	out = m.vector(out, TagSection, m.tags)
	out = m.vector(out, GlobalSection, m.globals)
	out = m.vector(out, ExportSection, m.exports)
	if out = m.customsBefore(out, StartSection); m.start != nil {
		out = append(out, Section(StartSection, Uint(uint64(*m.start)))...)
	}
	out = m.vector(out, ElementSection, m.elements)
	if out = m.customsBefore(out, DataCountSection); m.count != nil {
		out = append(out, Section(DataCountSection, Uint(*m.count))...)
	}
	out = m.vector(out, CodeSection, m.bodies)
	for i, body := range m.bodies {
		if body == nil {
			panic(fmt.Sprintf("moduletest: function %d has no body", uint32(i)+m.foreign))
		}
	}
	out = m.vector(out, DataSection, m.data)
	return m.customsBefore(out, 0)
}

func (m *Module) vector(out []byte, id byte, items [][]byte) []byte {
	out = m.customsBefore(out, id)
	if len(items) == 0 {
		return out
	}
	return append(out, Section(id, Vector(items))...)
}

func (m *Module) customsBefore(out []byte, id byte) []byte {
	for _, c := range m.customs {
		if c.before == id {
			out = append(out, c.raw...)
		}
	}
	return out
}

func (l Limits) encode() []byte {
	raw := append([]byte{flag(l.HasMax) | flag(l.Shared)<<1 | flag(l.Is64)<<2}, Uint(l.Min)...)
	if l.HasMax {
		raw = append(raw, Uint(l.Max)...)
	}
	return raw
}

func typeVector(types []Type) []byte {
	out := Uint(uint64(len(types)))
	for _, t := range types {
		out = append(out, byte(t))
	}
	return out
}

func flag(set bool) byte {
	if set {
		return 1
	}
	return 0
}
