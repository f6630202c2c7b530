package module

import "fmt"

// A parser reads one module.
type parser struct {
	r     reader
	facts Facts

	rank     int // of the last section but custom ones
	sections []section
	used     map[Feature]bool

	indexSpaces
	exported []uint32 // what each export is, by its index among its kind

	dataCount *uint32
	code      bodies
	names     names
}

// Inspect reads a module. Its error is a [FormatError], or says what else the input is. A component has no
// error; it has the fact [Facts.Component].
func Inspect(wasm []byte) (*Facts, error) {
	p, err := parse(wasm)
	if err != nil {
		return nil, err
	}
	return &p.facts, nil
}

// parse reads a module. That of a component has facts and nothing else.
func parse(wasm []byte) (*parser, error) {
	if len(wasm) > maxBytes {
		return nil, fmt.Errorf("is %d bytes long, and WebAssembly modules are at most %d", len(wasm), maxBytes)
	}
	p := &parser{r: reader{b: wasm, end: len(wasm)}, facts: Facts{Bytes: len(wasm)}}
	switch what, other := preamble(wasm); {
	case what == aComponent:
		p.facts.Component = true
		return p, nil
	case what != aModule:
		return nil, other
	}
	for p.r.at = preambleSize; p.r.more(); {
		p.section()
	}
	p.conclude()
	if p.r.err != nil {
		return nil, fmt.Errorf("malformed WebAssembly module: %w", p.r.err)
	}
	return p, nil
}

// conclude checks what no single section can say, and completes the facts.
func (p *parser) conclude() {
	end := len(p.r.b)
	if p.facts.Functions = len(p.functions) - p.imported; p.facts.Functions != p.code.read {
		p.r.fail(end, "%d functions are declared, and %d have a body", p.facts.Functions, p.code.read)
	}
	if n := p.dataCount; n != nil && int(*n) != p.facts.Segments {
		p.r.fail(end, "%d data segments are announced, and there are %d", *n, p.facts.Segments)
	}
	if len(p.facts.Memories) > 1 {
		p.use(MultiMemory)
	}
	if !p.r.ok() {
		return
	}
	for _, f := range features {
		if p.used[f] {
			p.facts.Features = append(p.facts.Features, f)
		}
	}
	for _, s := range p.sections {
		p.facts.Sections = append(p.facts.Sections, Section{s.title(), int(s.end - s.begin)})
	}
	if p.facts.Functions > 0 {
		p.facts.LargestName, p.facts.CarriedName = p.functionName(p.code.largest), p.functionName(p.code.heaviest)
	}
}

func (p *parser) use(f Feature) {
	if p.used == nil {
		p.used = make(map[Feature]bool, len(features))
	}
	p.used[f] = true
}

// functionName returns what a function is called: in the section "name", or else as an import or export.
func (p *parser) functionName(index uint32) string {
	if name := p.names.function(p.r.b, index); name != "" {
		return name
	}
	for i, e := range p.facts.Exports {
		if e.Kind == KindFunc && p.exported[i] == index {
			return e.Name
		}
	}
	return ""
}

// has reports whether a list of the module has an item with this index.
func (p *parser) has(index uint32, items int, at int, what string) bool {
	if p.r.ok() && int64(index) >= int64(items) {
		p.r.fail(at, "there is no %s %d, only %d", what, index, items)
	}
	return p.r.ok()
}

func (p *parser) startSection() {
	at := p.r.at
	p.has(p.r.u32("the start function"), len(p.functions), at, "function")
	p.facts.HasStart = true
}

func (p *parser) customSection(s *section) {
	s.name, s.payload = string(p.r.name("the name of a custom section")), uint32(p.r.at)
	if !p.r.ok() {
		return
	}
	p.r.at = p.r.end
	if p.facts.Customs = append(p.facts.Customs, Custom{s.name, int(s.end - s.begin)}); len(p.facts.Customs) > maxCustoms {
		p.r.fail(int(s.begin), "there are more than %d custom sections", maxCustoms)
	}
	switch {
	case s.name == nameSection:
		p.nameSection(s)
	case isDebug(s.name):
		p.facts.Debug = true
	}
}
