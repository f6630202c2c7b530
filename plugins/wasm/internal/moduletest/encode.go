package moduletest

import "encoding/binary"

// Preamble begins every module of version 1.
const Preamble = "\x00asm\x01\x00\x00\x00"

// ComponentPreamble begins every component of WASI 0.2.
const ComponentPreamble = "\x00asm\x0d\x00\x01\x00"

// Section identifiers of the binary format.
const (
	CustomSection byte = iota
	TypeSection
	ImportSection
	FunctionSection
	TableSection
	MemorySection
	GlobalSection
	ExportSection
	StartSection
	ElementSection
	CodeSection
	DataSection
	DataCountSection
	TagSection
)

// Uint encodes an unsigned integer as short as it goes.
func Uint(v uint64) []byte { return binary.AppendUvarint(nil, v) }

// Int encodes a signed integer as short as it goes.
func Int(v int64) []byte {
	var out []byte
	for {
		b := byte(v & 0x7f)
		v >>= 7
		if v == 0 && b&0x40 == 0 || v == -1 && b&0x40 != 0 {
			return append(out, b)
		}
		out = append(out, b|0x80)
	}
}

// LongUint encodes an unsigned integer in exactly n bytes, more than it needs where n says so: linkers
// leave such numbers behind, and readers must take them.
func LongUint(v uint64, n int) []byte {
	out := make([]byte, n)
	for i := range out {
		out[i] = byte(v&0x7f) | 0x80
		v >>= 7
	}
	out[n-1] &= 0x7f
	return out
}

// Name encodes a string: its length and its bytes.
func Name(s string) []byte { return append(Uint(uint64(len(s))), s...) }

// Section encodes a section: identifier, size, payload.
func Section(id byte, payload []byte) []byte {
	return append(append([]byte{id}, Uint(uint64(len(payload)))...), payload...)
}

// Custom encodes a custom section.
func Custom(name string, data []byte) []byte {
	return Section(CustomSection, append(Name(name), data...))
}

// Vector encodes a number of items that are encoded already.
func Vector(items [][]byte) []byte {
	out := Uint(uint64(len(items)))
	for _, item := range items {
		out = append(out, item...)
	}
	return out
}

// FunctionNames encodes the payload of a section "name" that names functions from number 0 on.
func FunctionNames(names ...string) []byte {
	entries := make([][]byte, len(names))
	for i, name := range names {
		entries[i] = append(Uint(uint64(i)), Name(name)...)
	}
	return Section(1, Vector(entries)) // a subsection looks like a section
}
