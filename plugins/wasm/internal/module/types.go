package module

import (
	"strconv"
	"strings"
)

// Value types and heap types, as they are encoded.
const (
	typeI32    = 0x7f
	typeI64    = 0x7e
	typeF32    = 0x7d
	typeF64    = 0x7c
	typeV128   = 0x7b
	typeFunc   = 0x70
	typeExtern = 0x6f
	typeExn    = 0x69
	refNull    = 0x63 // a nullable reference; its heap type follows
	ref        = 0x64
	formFunc   = 0x60
	formGroup  = 0x4e
)

// A valueType is a value type: its code, and for a reference what it refers to.
type valueType struct {
	code byte
	heap int64 // a type's index, or one of typeFunc, typeExtern and typeExn less 0x80
}

func (t valueType) String() string {
	switch t.code {
	case typeI32:
		return "i32"
	case typeI64:
		return "i64"
	case typeF32:
		return "f32"
	case typeF64:
		return "f64"
	case typeV128:
		return "v128"
	case typeFunc:
		return "funcref"
	case typeExtern:
		return "externref"
	case typeExn:
		return "exnref"
	case refNull:
		return "(ref null " + heapName(t.heap) + ")"
	case ref:
		return "(ref " + heapName(t.heap) + ")"
	default:
		return ""
	}
}

func heapName(heap int64) string {
	switch heap {
	case typeFunc - 0x80:
		return "func"
	case typeExtern - 0x80:
		return "extern"
	case typeExn - 0x80:
		return "exn"
	default:
		return strconv.FormatInt(heap, 10)
	}
}

func (t valueType) isReference() bool {
	switch t.code {
	case typeFunc, typeExtern, typeExn, refNull, ref:
		return true
	}
	return false
}

// newer is said of what is not known here: it may exist by now.
const newer = "build for WebAssembly 2.0, without proposals that came later"

func (p *parser) valueType() valueType {
	begin := p.r.at
	t := valueType{code: p.r.byte("a value type")}
	switch t.code {
	case typeI32, typeI64, typeF32, typeF64, typeV128, typeFunc, typeExtern:
	case typeExn:
		p.use(Exceptions)
	case refNull, ref:
		p.use(FunctionReferences)
		t.heap = p.heapType()
	default:
		p.r.fail(begin, "value type 0x%02x is not known; %s", t.code, newer)
	}
	return t
}

// heapType reads what a reference refers to.
func (p *parser) heapType() int64 {
	begin := p.r.at
	heap := p.r.int(33, "a heap type")
	switch {
	case heap == typeFunc-0x80 || heap == typeExtern-0x80:
	case heap == typeExn-0x80:
		p.use(Exceptions)
	case heap >= 0:
		p.use(FunctionReferences)
	default:
		p.r.fail(begin, "heap type %d is not known; %s", heap, newer)
	}
	return heap
}

// typeSection notes where each type is.
func (p *parser) typeSection() {
	n := p.r.count(2, maxTypes, "types")
	p.types = make([]uint32, 0, n)
	for i := 0; i < n && p.r.ok(); i++ {
		if p.r.at < p.r.end && p.r.b[p.r.at] == formGroup {
			p.r.at++
			p.use(GC)
			for range p.r.count(3, maxTypes, "types of a group") {
				p.funcType()
			}
			continue
		}
		p.funcType()
	}
}

func (p *parser) funcType() {
	p.types = append(p.types, uint32(p.r.at))
	begin := p.r.at
	if form := p.r.byte("a type"); p.r.ok() && form != formFunc {
		p.r.fail(begin, "type %d has form 0x%02x: only functions are known; %s", len(p.types)-1, form, newer)
	}
	var a arity
	a.params = p.listed("parameters")
	a.results = p.listed("results")
	p.arities = append(p.arities, a)
}

// listed reads types, and returns how many.
func (p *parser) listed(what string) uint16 {
	n := p.r.count(1, maxParams, what)
	for i := 0; i < n && p.r.ok(); i++ {
		p.valueType()
	}
	return uint16(n)
}

// signature returns how a function type reads, such as "(i32, i64) -> i32", or "()" for neither parameters
// nor results. Types that are used often are written once.
func (p *parser) signature(index uint32) string {
	if s, ok := p.signatures[index]; ok {
		return s
	}
	var out strings.Builder
	again := parser{r: reader{b: p.r.b, at: int(p.types[index]) + 1, end: len(p.r.b)}}
	again.list(&out, true)
	if results := again.r.b[again.r.at]; results > 0 { // it was read before: there is a byte
		out.WriteString(" -> ")
		again.list(&out, results > 1)
	}
	if p.signatures == nil {
		p.signatures = make(map[uint32]string)
	}
	p.signatures[index] = out.String()
	return p.signatures[index]
}

func (p *parser) list(out *strings.Builder, brackets bool) {
	if brackets {
		out.WriteByte('(')
	}
	for i := range p.r.count(1, maxParams, "types") {
		if i > 0 {
			out.WriteString(", ")
		}
		out.WriteString(p.valueType().String())
	}
	if brackets {
		out.WriteByte(')')
	}
}
