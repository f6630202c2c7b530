package module

import (
	"fmt"
	"strings"
)

// Rules are what a module has to keep to be run. A limit of 0 does not limit.
type Rules struct {
	MaxBytes      int    // of the module; its functions may declare as many variables
	MaxBody       int    // of one function, in bytes; it may carry four values for each
	MemoryPages   uint64 // that a memory may have when it is made
	TableElements uint64 // that all tables together may have when they are made
	Entry         string // the function to call; "" means _start

	// Imports returns the signature of what can be imported, as [Export] has it; "" allows any. Nil offers nothing.
	Imports func(module, name string) (signature string, ok bool)
	// Features are the ones that the engine has switched on. Whoever uses others is refused.
	Features []Feature
}

// DefaultEntry is the function that a WASI command begins with.
const DefaultEntry = "_start"

// Refusals returns every reason for which a module is not run, each a sentence that says what to do. None means
// that it may be compiled, which can still fail: types are checked there.
func (f *Facts) Refusals(r Rules) []string {
	var out refusals
	if r.MaxBytes > 0 && f.Bytes > r.MaxBytes {
		out.add("is %s, and %s are allowed; strip debug information, or build it smaller", size(f.Bytes), size(r.MaxBytes))
	}
	if f.Component {
		out.add("is a component of WASI 0.2 or later, which this runner does not run; build a module of WASI preview 1:" +
			" Rust --target wasm32-wasip1, Go GOOS=wasip1 GOARCH=wasm, C with wasi-sdk --target=wasm32-wasip1, others without wasm-tools component new")
		return out
	}
	f.refuseFeatures(&out, r)
	f.refuseImports(&out, r)
	f.refuseEntry(&out, r)
	f.refuseSizes(&out, r)
	f.refuseBurden(&out, r)
	if f.Unnamed != "" {
		out.add(`has a section "name" that cannot be read (%s), for which the engine would refuse it; strip it, or use normalize: true`, f.Unnamed)
	}
	return out
}

type refusals []string

func (r *refusals) add(format string, args ...any) { *r = append(*r, fmt.Sprintf(format, args...)) }

func (f *Facts) refuseFeatures(out *refusals, r Rules) {
	for _, used := range f.Features {
		allowed := false
		for _, feature := range r.Features {
			allowed = allowed || feature == used
		}
		if !allowed {
			out.add("uses %s", featureHints[used])
		}
	}
}

var featureHints = map[Feature]string{
	TailCall:           "tail calls, which have to be granted; add tailCall to the task's features, or build without -mtail-call",
	Threads:            "threads (shared memory or atomic instructions), which this runner does not offer; build without them: target wasm32-wasip1 instead of wasm32-wasip1-threads, and without -pthread",
	Exceptions:         "WebAssembly exceptions, which are switched off because the engine does not contain them safely; build with -fno-exceptions, without -fwasm-exceptions, in Rust with panic=abort",
	FunctionReferences: "typed function references, which are switched off; build for WebAssembly 2.0",
	GC:                 "garbage collection by the engine, which this runner does not offer; build for linear memory",
	MultiMemory:        "more than one memory, which this runner does not offer; build without -mmultimemory",
	Memory64:           "a memory or table with addresses of 64 bits, which this runner does not offer; build for wasm32 instead of wasm64",
}

func (f *Facts) refuseSizes(out *refusals, r Rules) {
	if r.MaxBody > 0 && f.LargestBody > r.MaxBody {
		name := "one of its functions"
		if f.LargestName != "" {
			name = "its function " + quote(f.LargestName)
		}
		out.add("has %s of %s, and %s are allowed because large functions take very long to compile; build with less inlining, or split it",
			name, size(f.LargestBody), size(r.MaxBody))
	}
	for _, m := range f.Memories {
		if r.MemoryPages > 0 && m.Min > r.MemoryPages {
			out.add("needs %s of memory to begin with, and the limit is %s; raise limits.memory, or build with less initial memory",
				pages(m.Min), pages(r.MemoryPages))
		}
	}
	sum := uint64(0)
	for _, t := range f.Tables {
		sum += min(t.Min, 1<<32)
	}
	if r.TableElements > 0 && sum > r.TableElements {
		out.add("has tables of %d elements to begin with, and %d are allowed", sum, r.TableElements)
	}
}

// carried is how many values a function may carry for each byte that it may be long. What compilers make carries
// less than one.
const carried = 4

// refuseBurden finds what takes long to compile although it is small.
func (f *Facts) refuseBurden(out *refusals, r Rules) {
	if most := uint64(r.MaxBody) * carried; most > 0 && f.MostCarried > most {
		name := "one of its functions"
		if f.CarriedName != "" {
			name = "its function " + quote(f.CarriedName)
		}
		out.add("has %s carry %d values through loops, blocks, branches and calls, and %d are allowed because compiling takes time and"+
			" memory for each; build with fewer loops inside each other, fewer parameters, and without -mmultivalue", name, f.MostCarried, most)
	}
	if most := uint64(r.MaxBytes); most > 0 && f.Variables > most {
		out.add("declares %d variables in its functions, and %d are allowed because compiling takes memory for each; build with optimisation",
			f.Variables, most)
	}
}

func (f *Facts) refuseEntry(out *refusals, r Rules) {
	entry := r.Entry
	if entry == "" {
		entry = DefaultEntry
	}
	for _, e := range f.Exports {
		if e.Name != entry {
			continue
		}
		switch {
		case e.Kind != KindFunc:
			out.add("exports %s as a %s; the entry point must be a function", quote(entry), e.Kind)
		case e.Signature != "()":
			out.add("has the entry point %s with signature %s; it must take nothing and return nothing", quote(entry), e.Signature)
		}
		return
	}
	out.add("%s", f.withoutEntry(entry))
}

// withoutEntry says why there is probably no entry point of this name.
func (f *Facts) withoutEntry(entry string) string {
	var could []string
	reactor := false
	for _, e := range f.Exports {
		if e.Kind == KindFunc && e.Signature == "()" {
			reactor = reactor || e.Name == "_initialize"
			could = append(could, quote(e.Name))
		}
	}
	object := false
	for _, c := range f.Customs {
		object = object || c.Name == "linking"
	}
	switch {
	case object:
		return "is an object file that was not linked; link it with wasm-ld, or with the compiler that made it"
	case reactor && entry == DefaultEntry:
		return "is a reactor, a library that exports _initialize and no _start; build a command: a Rust bin crate," +
			" Go without -buildmode=c-shared, C without -mexec-model=reactor" + choice(could, " Or name one of its functions as entryPoint: ")
	case entry == DefaultEntry:
		return "exports no function _start, so there is nothing to run; build a command with a main function for wasm32-wasip1" +
			choice(could, " Or name one of its functions as entryPoint: ")
	default:
		return "exports no function " + quote(entry) + ", which entryPoint names" + choice(could, " It could name: ")
	}
}

// choice is the end of one sentence and another with names, if there are any.
func choice(names []string, intro string) string {
	if len(names) == 0 {
		return ""
	}
	return "." + intro + some(names)
}

// some lists names, but not very many.
func some(names []string) string {
	const most = 8
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
}

func pages(n uint64) string {
	const perMiB = 16
	if n%perMiB == 0 {
		return fmt.Sprintf("%d MiB", n/perMiB)
	}
	return fmt.Sprintf("%d KiB", n*64)
}

func size(bytes int) string {
	switch {
	case bytes >= 10<<20:
		return fmt.Sprintf("%.0f MiB", float64(bytes)/(1<<20))
	case bytes >= 1<<20:
		return fmt.Sprintf("%.1f MiB", float64(bytes)/(1<<20))
	case bytes >= 10<<10:
		return fmt.Sprintf("%d KiB", bytes>>10)
	default:
		return fmt.Sprintf("%d bytes", bytes)
	}
}
