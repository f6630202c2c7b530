package module

import "strings"

// Sections, by their codes.
const (
	sectionCustom = iota
	sectionType
	sectionImport
	sectionFunction
	sectionTable
	sectionMemory
	sectionGlobal
	sectionExport
	sectionStart
	sectionElement
	sectionCode
	sectionData
	sectionDataCount
	sectionTag
)

// sectionInfo says what sections are called, and in which order they come: the codes of two of them came too
// late to tell.
var sectionInfo = [...]struct {
	name string
	rank int
}{
	sectionCustom:    {"a custom section", 0},
	sectionType:      {"the type section", 1},
	sectionImport:    {"the import section", 2},
	sectionFunction:  {"the function section", 3},
	sectionTable:     {"the table section", 4},
	sectionMemory:    {"the memory section", 5},
	sectionTag:       {"the tag section", 6},
	sectionGlobal:    {"the global section", 7},
	sectionExport:    {"the export section", 8},
	sectionStart:     {"the start section", 9},
	sectionElement:   {"the element section", 10},
	sectionDataCount: {"the data count section", 11},
	sectionCode:      {"the code section", 12},
	sectionData:      {"the data section", 13},
}

// A section is where a section stands in the module.
type section struct {
	code     byte
	readable bool   // it is the section "name" that engines read
	begin    uint32 // where its code is
	payload  uint32 // where its content begins; behind the name where it is a custom section
	end      uint32
	name     string // of a custom section
}

// title returns what the section is called where no article fits.
func (s *section) title() string {
	if s.code == sectionCustom {
		return s.name
	}
	return strings.TrimSuffix(strings.TrimPrefix(sectionInfo[s.code].name, "the "), " section")
}

// section reads one section.
func (p *parser) section() {
	begin := p.r.at
	s := section{begin: uint32(begin)}
	s.code = p.r.byte("a section")
	if p.r.ok() && int(s.code) >= len(sectionInfo) {
		p.r.fail(begin, "section %d is not known; %s", s.code, newer)
		return
	}
	info := sectionInfo[s.code]
	if s.code != sectionCustom {
		if info.rank <= p.rank {
			p.r.fail(begin, "%s comes twice or too late", info.name)
		}
		p.rank = info.rank
	}
	outer := p.r.enter(info.name)
	s.payload, s.end = uint32(p.r.at), uint32(p.r.end)
	if p.r.ok() {
		p.content(&s)
	}
	p.r.leave(outer, info.name)
	p.sections = append(p.sections, s)
}

func (p *parser) content(s *section) {
	switch s.code {
	case sectionCustom:
		p.customSection(s)
	case sectionType:
		p.typeSection()
	case sectionImport:
		p.importSection()
	case sectionFunction:
		p.functionSection()
	case sectionTable:
		p.tableSection()
	case sectionMemory:
		p.memorySection()
	case sectionTag:
		p.tagSection()
	case sectionGlobal:
		p.globalSection()
	case sectionExport:
		p.exportSection()
	case sectionStart:
		p.startSection()
	case sectionElement:
		p.elementSection()
	case sectionDataCount:
		count := p.r.u32("the number of data segments")
		p.dataCount = &count
	case sectionCode:
		p.codeSection()
	case sectionData:
		p.dataSection()
	}
}
