package module

// Facts are what admission wants to know of a module. They refer to nothing of the input.
type Facts struct {
	Component bool // it is a component of WASI 0.2 or later; then only Bytes is known besides

	Imports  []Import
	Exports  []Export
	Memories []Bounds // imported ones first, in pages of 64 KiB
	Tables   []Bounds // imported ones first, in elements

	Functions   int    // with a body
	LargestBody int    // of a function, in bytes
	LargestName string // what that function is called, if it is called anything

	// Variables are those of all functions, with parameters and results.
	Variables uint64
	// MostCarried is how many values one function carries from place to place, as far as that can be told without
	// compiling it: through loops, blocks, branches and calls. Compiling takes time and memory for each.
	MostCarried uint64
	CarriedName string // what that function is called, if it is called anything

	Sections []Section // in their order, custom ones too

	Segments int      // of data
	Customs  []Custom // in their order
	HasStart bool     // code runs when the module is instantiated
	Names    bool     // the section "name" can be read
	Unnamed  string   // why it cannot, where there is one: engines refuse a module for that
	Debug    bool     // there is DWARF
	Features []Feature
	Bytes    int // of the whole module
}

// An Import is what a module needs.
type Import struct {
	Module, Name string
	Kind         Kind
	Signature    string // see [Export]
}

// An Export is what a module offers.
type Export struct {
	Name string
	Kind Kind
	// Signature is "(i32, i64) -> i32" for a function, with "()" for neither parameters nor results and
	// "(i32) -> (i32, i32)" for many of them; the type of a global, after "mut " if it may change; the type of
	// a table's elements; and nothing for a memory.
	Signature string
}

// Bounds are the size of a memory or table when it is made, and the most it may grow to.
type Bounds struct {
	Min, Max     uint64
	HasMax       bool
	Shared, Is64 bool
}

// A Section is a part of a module.
type Section struct {
	Name string // such as "code"; that of a custom section is its own
	Size int    // of the whole section, in bytes
}

// A Custom is a custom section.
type Custom struct {
	Name string
	Size int // of the whole section, in bytes
}

// Kind is what is imported or exported.
type Kind string

// The kinds.
const (
	KindFunc   Kind = "func"
	KindTable  Kind = "table"
	KindMemory Kind = "memory"
	KindGlobal Kind = "global"
	KindTag    Kind = "tag"
)

// kinds are in the order of their codes.
var kinds = [...]Kind{KindFunc, KindTable, KindMemory, KindGlobal, KindTag}

// A Feature is a proposal beyond WebAssembly 2.0 that a module uses. Extended constant expressions are not
// among them: everybody has these.
type Feature string

// The features.
const (
	TailCall           Feature = "tail-call"
	Threads            Feature = "threads"
	Exceptions         Feature = "exception-handling"
	FunctionReferences Feature = "function-references"
	GC                 Feature = "gc"
	MultiMemory        Feature = "multi-memory"
	Memory64           Feature = "memory64"
)

// features are in the order in which they are told.
var features = [...]Feature{TailCall, Threads, Exceptions, FunctionReferences, GC, MultiMemory, Memory64}
