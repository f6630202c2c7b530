package compile

import (
	"fmt"
	"time"

	"github.com/tetratelabs/wazero"

	"github.com/soltihq/solti-host/plugins/wasm/internal/content"
	"github.com/soltihq/solti-host/plugins/wasm/internal/guest"
	"github.com/soltihq/solti-host/plugins/wasm/internal/module"
	"github.com/soltihq/solti-host/plugins/wasm/internal/wire"
)

// Mode is the argument that makes our binary a child that compiles, and CheckMode one that only checks: it then
// calls [Main].
const (
	Mode      = "compile"
	CheckMode = "check"
)

// Limits of a check, unless those of a compilation are stricter. Checking takes time with the length of a module:
// about a second for 64 MiB.
const (
	checkCPU  = 15 * time.Second
	checkWall = time.Minute
)

// Limits of a compilation in a quick place, beyond which it has to wait for an ordinary one.
const (
	quickCPU  = 10 * time.Second
	quickWall = time.Minute
)

// Limits bound one child. Zero means the default.
type Limits struct {
	CPU  time.Duration // of processor time, in whole seconds; default 2 minutes
	Wall time.Duration // default 3 minutes
	Data int64         // bytes of memory; default 2 GiB
	File int64         // bytes of native code; default 1 GiB
}

func (l Limits) orDefault() Limits {
	set(&l.CPU, 2*time.Minute)
	set(&l.Wall, 3*time.Minute)
	set(&l.Data, 2<<30)
	set(&l.File, 1<<30)
	return l
}

func set[T int | int64 | time.Duration](v *T, byDefault T) {
	if *v <= 0 {
		*v = byDefault
	}
}

// Options say what is to be done with a module.
type Options struct {
	Key       string // callers with the same key share one child; empty shares with nobody
	CheckOnly bool   // inspect, admit and normalise; do not compile
	// Admitted is the digest of the module if a check has made it: it is compiled as it is, whatever the rules.
	Admitted  content.Digest
	Normalize bool
	Debug     bool // keep what is for debugging, so that traps name lines
	TailCall  bool
	Rules     Rules
}

// Rules are what a module has to keep to be taken, as [module.Rules] has them.
type Rules struct {
	MaxBytes      int
	MaxBody       int
	MemoryPages   uint64
	TableElements uint64
	Entry         string
	Imports       map[string]map[string]string // signature by name by module
}

func (o Options) mode() string {
	if o.CheckOnly {
		return CheckMode
	}
	return Mode
}

// Flags returns the options that the native code depends on, for the key of a cache.
func (o Options) Flags() string { return fmt.Sprintf("debug=%t tailcall=%t", o.Debug, o.TailCall) }

// Recipe returns the options that decide which bytes are made of a module, and whether it is taken, for the
// key of a note. It has all that [Options.Flags] has.
func (o Options) Recipe() string {
	r := o.Rules
	r.Imports = nil // they go with the build
	return fmt.Sprintf("%s normalize=%t rules=%+v", o.Flags(), o.Normalize, r)
}

// rules returns what the module package goes by.
func (o Options) rules() module.Rules {
	r := module.Rules{
		MaxBytes: o.Rules.MaxBytes, MaxBody: o.Rules.MaxBody, MemoryPages: o.Rules.MemoryPages,
		TableElements: o.Rules.TableElements, Entry: o.Rules.Entry,
		Imports: func(from, name string) (string, bool) {
			signature, ok := o.Rules.Imports[from][name]
			return signature, ok
		},
	}
	if o.TailCall {
		r.Features = append(r.Features, module.TailCall)
	}
	return r
}

// config returns how the engine is set up: as it is where guests run, or they do not find their code.
func (o Options) config() wazero.RuntimeConfig {
	return guest.Config(wire.EngineCompiler, o.TailCall, o.Debug)
}
