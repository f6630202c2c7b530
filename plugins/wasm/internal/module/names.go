package module

import "strings"

const nameSection = "name"

// Subsections of the section "name" that engines read. Others are for debuggers.
const (
	nameOfModule    = 0
	nameOfFunctions = 1
	nameOfLocals    = 2
)

// names is where a module keeps the names of its functions.
type names struct{ at, end int }

// nameSection checks a section "name". By the specification a module is valid whatever is in there; to engines
// that read it, it is not.
func (p *parser) nameSection(s *section) {
	if p.facts.Names || p.facts.Unnamed != "" {
		p.facts.Unnamed = `there is a second section "name"`
		return
	}
	r := reader{b: p.r.b, at: int(s.payload), end: int(s.end)}
	var found names
	for r.more() {
		kind := r.byte("a subsection")
		outer := r.enter("a subsection")
		switch kind {
		case nameOfModule:
			r.name("the module's name")
		case nameOfFunctions:
			found = names{r.at, r.end}
			nameMap(&r)
		case nameOfLocals:
			for n := r.count(2, maxFunctions, "functions with names"); n > 0 && r.ok(); n-- {
				r.u32("a function")
				nameMap(&r)
			}
		default:
			r.at = r.end
		}
		r.leave(outer, "a subsection")
	}
	if r.err != nil {
		p.facts.Unnamed = r.err.Error()
		return
	}
	p.facts.Names, p.names = true, found
	s.readable = true
}

func nameMap(r *reader) {
	for n := r.count(2, maxNames, "names"); n > 0 && r.ok(); n-- {
		r.u32("what has a name")
		r.name("a name")
	}
}

// function returns what a function is called, or nothing.
func (n names) function(wasm []byte, index uint32) string {
	r := reader{b: wasm, at: n.at, end: n.end}
	for left := r.count(2, maxNames, "names"); left > 0 && r.ok(); left-- {
		at, name := r.u32("a function"), r.name("a name")
		if at == index {
			return string(name)
		}
	}
	return ""
}

// isDebug reports whether a custom section of this name holds DWARF, or where to find it.
func isDebug(name string) bool { return strings.HasPrefix(name, ".debug_") }
