package module

func (p *parser) importSection() {
	r := &p.r
	n := r.count(4, maxImports, "imports")
	p.facts.Imports = make([]Import, 0, n)
	module := "" // many imports in a row are of the same
	for range n {
		if name := r.name("the module of an import"); string(name) != module {
			module = string(name)
		}
		i := Import{Module: module, Name: string(r.name("the name of an import"))}
		begin := r.at
		kind, ok := kindOf(r.byte("the kind of an import"))
		if !ok {
			r.fail(begin, "the kind of an import is not known")
		}
		i.Kind, i.Signature = kind, p.imports(kind)
		if !r.ok() {
			return
		}
		p.facts.Imports = append(p.facts.Imports, i)
	}
	p.imported = len(p.functions)
}

// imports reads the description of what is imported, and returns how its type reads.
func (p *parser) imports(kind Kind) string {
	begin := p.r.at
	switch kind {
	case KindFunc:
		if t := p.r.u32("a function's type"); p.has(t, len(p.types), begin, "type") {
			p.functions = append(p.functions, t)
			return p.signature(t)
		}
		return ""
	case KindTable:
		return p.tableType()
	case KindMemory:
		p.memory()
		return ""
	case KindGlobal:
		return p.globalType()
	default:
		return p.tag()
	}
}

func (p *parser) functionSection() {
	n := p.r.count(1, maxFunctions, "functions")
	p.functions = append(make([]uint32, 0, len(p.functions)+n), p.functions...)
	for i := 0; i < n && p.r.ok(); i++ {
		begin := p.r.at
		t := p.r.u32("a function's type")
		p.has(t, len(p.types), begin, "type")
		p.functions = append(p.functions, t)
	}
}

func (p *parser) tableSection() {
	const withInit = 0x40
	for n := p.r.count(3, maxTables, "tables"); n > 0 && p.r.ok(); n-- {
		if p.r.at >= p.r.end || p.r.b[p.r.at] != withInit {
			p.tableType()
			continue
		}
		begin := p.r.at
		if p.r.at++; p.r.byte("a table") != 0 {
			p.r.fail(begin, "a table begins with unknown bytes; %s", newer)
		}
		p.use(FunctionReferences)
		p.tableType()
		p.constant()
	}
}

func (p *parser) tableType() string {
	begin := p.r.at
	element := p.valueType()
	if p.r.ok() && !element.isReference() {
		p.r.fail(begin, "a table cannot hold %s", element)
	}
	b, at := p.limits("a table")
	if b.Shared {
		p.r.fail(at, "a table cannot be shared")
	}
	p.facts.Tables, p.tables = append(p.facts.Tables, b), append(p.tables, uint32(begin))
	return element.String()
}

func (p *parser) memorySection() {
	for n := p.r.count(2, maxMemories, "memories"); n > 0 && p.r.ok(); n-- {
		p.memory()
	}
}

func (p *parser) memory() {
	b, at := p.limits("a memory")
	switch {
	case !b.Is64 && max(b.Min, b.Max) > most32:
		p.r.fail(at, "a memory of %d pages is larger than its addresses reach, which is %d", max(b.Min, b.Max), most32)
	case b.Shared && !b.HasMax:
		p.r.fail(at, "a shared memory has no maximum")
	case b.Shared:
		p.use(Threads)
	}
	p.facts.Memories = append(p.facts.Memories, b)
}

// limits reads bounds, and returns where they were.
func (p *parser) limits(what string) (Bounds, int) {
	const hasMax, shared, is64 = 1, 2, 4
	begin := p.r.at
	flags := p.r.byteOf("the limits of ", what)
	if flags > hasMax|shared|is64 {
		p.r.fail(begin, "the limits of %s have unknown flags 0x%02x; %s", what, flags, newer)
	}
	b := Bounds{HasMax: flags&hasMax != 0, Shared: flags&shared != 0, Is64: flags&is64 != 0}
	bits := 32
	if b.Is64 {
		bits = 64
		p.use(Memory64)
	}
	b.Min = p.r.uintOf(bits, "the minimum of ", what)
	if b.HasMax {
		if b.Max = p.r.uintOf(bits, "the maximum of ", what); b.Max < b.Min {
			p.r.fail(begin, "the minimum of %s, %d, is larger than its maximum, %d", what, b.Min, b.Max)
		}
	}
	return b, begin
}

func (p *parser) tagSection() {
	for n := p.r.count(2, maxTags, "tags"); n > 0 && p.r.ok(); n-- {
		p.tag()
	}
}

func (p *parser) tag() string {
	p.use(Exceptions)
	begin := p.r.at
	if p.r.byte("a tag") != 0 {
		p.r.fail(begin, "a tag of an unknown kind; %s", newer)
	}
	begin = p.r.at
	t := p.r.u32("a tag's type")
	if !p.has(t, len(p.types), begin, "type") {
		return ""
	}
	p.tags = append(p.tags, t)
	return p.signature(t)
}

func (p *parser) globalSection() {
	for n := p.r.count(4, maxGlobals, "globals"); n > 0 && p.r.ok(); n-- {
		p.globalType()
		p.constant()
	}
}

func (p *parser) globalType() string {
	p.globals = append(p.globals, uint32(p.r.at))
	t := p.valueType()
	begin := p.r.at
	switch p.r.byte("a global") {
	case 0:
		return t.String()
	case 1:
		return "mut " + t.String()
	}
	p.r.fail(begin, "a global is neither constant nor mutable")
	return ""
}

func (p *parser) exportSection() {
	r := &p.r
	n := r.count(3, maxExports, "exports")
	p.facts.Exports, p.exported = make([]Export, 0, n), make([]uint32, 0, n)
	for range n {
		e := Export{Name: string(r.name("the name of an export"))}
		begin := r.at
		kind, ok := kindOf(r.byte("the kind of an export"))
		if !ok {
			r.fail(begin, "the kind of an export is not known")
		}
		begin = r.at
		index := r.u32("what is exported")
		if !p.has(index, p.items(kind), begin, string(kind)) {
			return
		}
		e.Kind, e.Signature = kind, p.typeOf(kind, index)
		p.facts.Exports, p.exported = append(p.facts.Exports, e), append(p.exported, index)
	}
}

func (p *parser) items(kind Kind) int {
	switch kind {
	case KindFunc:
		return len(p.functions)
	case KindTable:
		return len(p.facts.Tables)
	case KindMemory:
		return len(p.facts.Memories)
	case KindGlobal:
		return len(p.globals)
	default:
		return len(p.tags)
	}
}

// typeOf returns how the type of what is exported reads. It was read before, so it is well-formed.
func (p *parser) typeOf(kind Kind, index uint32) string {
	again := parser{r: reader{b: p.r.b, end: len(p.r.b)}}
	switch kind {
	case KindFunc:
		return p.signature(p.functions[index])
	case KindTag:
		return p.signature(p.tags[index])
	case KindGlobal:
		again.r.at = int(p.globals[index])
		return again.globalType()
	case KindTable:
		again.r.at = int(p.tables[index])
		return again.valueType().String()
	default:
		return ""
	}
}

func kindOf(code byte) (Kind, bool) {
	if int(code) >= len(kinds) {
		return "", false
	}
	return kinds[code], true
}
