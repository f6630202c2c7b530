package inspect

import (
	"time"

	"github.com/soltihq/solti-host/plugins/wasm/internal/module"
)

// A Report is what there is to tell of a file. As JSON, it only grows.
type Report struct {
	File    string   `json:"file"`
	Digest  string   `json:"digest"` // sha256:...
	Bytes   int64    `json:"bytes"`
	Format  Format   `json:"format"`
	Taken   bool     `json:"taken"`             // the runner would run it
	Reasons []string `json:"reasons,omitempty"` // why it would not, each with what to do about it

	Contents *Contents `json:"contents,omitempty"` // absent where it cannot be read, and of a component
	Rules    Rules     `json:"rules"`
	Derived  *Derived  `json:"derived,omitempty"`  // absent where it is refused
	Compiled *Compiled `json:"compiled,omitempty"` // absent where it was not compiled
}

// Format is what a file is.
type Format string

// The formats.
const (
	AModule    Format = "module"
	AComponent Format = "component"
	Unreadable Format = "unreadable"
)

// Contents are what a module consists of.
type Contents struct {
	Imports   []Import  `json:"imports"`
	Exports   []Export  `json:"exports"`
	Memories  []Bounds  `json:"memories"` // in pages of 64 KiB
	Tables    []Bounds  `json:"tables"`   // in elements
	Sections  []Section `json:"sections"`
	Features  []string  `json:"features"` // proposals beyond WebAssembly 2.0
	Functions int       `json:"functions"`
	Largest   *Largest  `json:"largestFunction,omitempty"`
	Segments  int       `json:"dataSegments"`
	Start     bool      `json:"startFunction"` // code runs when it is instantiated
	Names     bool      `json:"names"`         // traps can name functions
	Debug     bool      `json:"debug"`         // traps can name lines, with debug: lines
}

// An Import is what a module needs.
type Import struct {
	Module    string `json:"module"`
	Name      string `json:"name"`
	Kind      string `json:"kind"`
	Signature string `json:"signature,omitempty"`
	Offered   bool   `json:"offered"` // the runner has a function of that name
}

// An Export is what a module offers.
type Export struct {
	Name      string `json:"name"`
	Kind      string `json:"kind"`
	Signature string `json:"signature,omitempty"`
}

// Bounds are the size that something begins with, and the most it may grow to.
type Bounds struct {
	Min    uint64  `json:"min"`
	Max    *uint64 `json:"max,omitempty"`
	Shared bool    `json:"shared,omitempty"`
	Is64   bool    `json:"is64,omitempty"`
}

// A Section is a part of a module.
type Section struct {
	Name  string `json:"name"`
	Bytes int    `json:"bytes"`
}

// Largest is the function that takes longest to compile.
type Largest struct {
	Name  string `json:"name,omitempty"`
	Bytes int    `json:"bytes"`
}

// Rules are what the module was held against.
type Rules struct {
	MaxBytes       int      `json:"maxBytes"`
	MaxFunction    int      `json:"maxFunctionBytes"`
	MemoryPages    uint64   `json:"memoryPages"`
	TableElements  uint64   `json:"tableElements"`
	EntryPoint     string   `json:"entryPoint"`
	Features       []string `json:"features,omitempty"` // allowed beyond WebAssembly 2.0
	SignatureAsked bool     `json:"signatureAsked,omitempty"`
}

// Derived is what the module would be run as.
type Derived struct {
	Digest   string   `json:"digest"`
	Bytes    int64    `json:"bytes"`
	Dropped  []string `json:"droppedSections,omitempty"`
	Segments int      `json:"dataSegments"`
}

// Compiled says what compiling took.
type Compiled struct {
	CPU         time.Duration `json:"cpuNanoseconds"`
	Memory      int64         `json:"memoryBytes"` // at most
	NativeBytes int64         `json:"nativeBytes"`
}

// tell fills in what is known of the module.
func (r *Report) tell(f *module.Facts, offered func(module, name string) bool) {
	if f == nil {
		r.Format = Unreadable
		return
	}
	if f.Component {
		r.Format = AComponent
		return
	}
	r.Format = AModule
	c := &Contents{
		Imports: []Import{}, Exports: []Export{}, Memories: boundsOf(f.Memories), Tables: boundsOf(f.Tables),
		Sections: []Section{}, Features: []string{}, Functions: f.Functions, Segments: f.Segments,
		Start: f.HasStart, Names: f.Names, Debug: f.Debug,
	}
	for _, i := range f.Imports {
		c.Imports = append(c.Imports, Import{
			i.Module, i.Name, string(i.Kind), i.Signature, i.Kind == module.KindFunc && offered(i.Module, i.Name),
		})
	}
	for _, e := range f.Exports {
		c.Exports = append(c.Exports, Export{e.Name, string(e.Kind), e.Signature})
	}
	for _, s := range f.Sections {
		c.Sections = append(c.Sections, Section{s.Name, s.Size})
	}
	for _, feature := range f.Features {
		c.Features = append(c.Features, string(feature))
	}
	if f.Functions > 0 {
		c.Largest = &Largest{f.LargestName, f.LargestBody}
	}
	r.Contents = c
}

func boundsOf(list []module.Bounds) []Bounds {
	out := []Bounds{}
	for _, b := range list {
		o := Bounds{Min: b.Min, Shared: b.Shared, Is64: b.Is64}
		if b.HasMax {
			o.Max = &b.Max
		}
		out = append(out, o)
	}
	return out
}
