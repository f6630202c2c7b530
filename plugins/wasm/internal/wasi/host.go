package wasi

import (
	"context"
	"fmt"
	"reflect"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/soltihq/solti-host/plugins/wasm/internal/fsys"
)

// ModuleName is what guests import from.
const ModuleName = "wasi_snapshot_preview1"

// A Listener is a listening socket that a guest may accept from.
type Listener struct {
	Name string
	FD   int // closed by End
}

// Options are what a guest gets.
type Options struct {
	Args, Env []string
	Stdin     int // descriptor, closed by End; -1 for an empty stdin
	// Output takes what the guest writes to stdout, 1, or stderr, 2. An error of it ends the guest.
	Output    func(stream int, p []byte) error
	Tree      *fsys.Tree // its roots are opened for the guest; never nil
	Listeners []Listener
	Clock     Clock
	Seed      *[32]byte // of the random bytes; nil for the system's
}

// A Host is the functions of preview 1 in a runtime.
type Host struct {
	job *job // whose guest calls
}

// Instantiate makes those of the functions known to the runtime that a module imports; each costs time and
// memory. They may be called between Begin and End.
func Instantiate(ctx context.Context, r wazero.Runtime, imports []api.FunctionDefinition) (*Host, error) {
	needed := map[string]bool{}
	for _, d := range imports {
		if module, name, _ := d.Import(); module == ModuleName {
			needed[name] = true
		}
	}
	h := &Host{}
	b := r.NewHostModuleBuilder(ModuleName)
	for _, f := range functions {
		if !needed[f.name] {
			continue
		}
		b.NewFunctionBuilder().
			WithGoModuleFunction(h.bind(f), f.parameters(), f.results()).
			WithName(f.name).
			Export(f.name)
	}
	if _, err := b.Instantiate(ctx); err != nil {
		return nil, fmt.Errorf("instantiate %s: %w", ModuleName, err)
	}
	return h, nil
}

// bind makes a function of the engine's kind. What is above the low half of an i32 is not said.
func (h *Host) bind(f function) api.GoModuleFunction {
	var masks [9]uint64
	for i, p := range f.params {
		masks[i] = 1<<32 - 1
		if p == 'I' {
			masks[i] = 1<<64 - 1
		}
	}
	n := len(f.params)
	return api.GoModuleFunc(func(_ context.Context, mod api.Module, stack []uint64) {
		for i := range n {
			stack[i] &= masks[i]
		}
		stack[0] = uint64(f.call(h.job, h.job.memory(mod), stack))
	})
}

// Begin gives the functions the job whose guest is started next.
func (h *Host) Begin(o Options) {
	h.job = newJob(o)
}

// End closes what the guest of the job had open.
func (h *Host) End() {
	h.job.close()
	h.job = nil
}

// A job is what the functions know of one guest.
type job struct {
	Options
	files     table
	clock     clock
	chance    chance
	hasMemory *bool // nil until the first call
}

func newJob(o Options) *job {
	j := &job{Options: o, clock: newClock(o.Clock), chance: newChance(o.Seed)}
	j.files.add(&file{kind: kindStdin, fd: o.Stdin, base: stdinRights})
	j.files.add(&file{kind: kindOutput, fd: 1, base: outputRights})
	j.files.add(&file{kind: kindOutput, fd: 2, base: outputRights})
	for _, root := range o.Tree.Roots() {
		j.files.add(&file{kind: kindNode, node: root, preopen: true, base: directoryRights, inheriting: inheritedRights})
	}
	for _, l := range o.Listeners {
		j.files.add(&file{kind: kindListener, fd: l.FD, base: listenerRights, inheriting: connectionRights})
	}
	return j
}

func (j *job) close() {
	for _, f := range j.files.all() {
		j.shut(f)
	}
}

// memory returns the guest's memory. For a guest without one, the engine gives an interface that holds nil.
func (j *job) memory(mod api.Module) memory {
	m := mod.Memory()
	if j.hasMemory == nil {
		v := reflect.ValueOf(m)
		there := v.IsValid() && !v.IsNil()
		j.hasMemory = &there
	}
	return memory{Memory: m, there: *j.hasMemory}
}
