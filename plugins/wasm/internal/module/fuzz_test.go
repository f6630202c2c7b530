package module_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/tetratelabs/wazero"

	"github.com/soltihq/solti-host/plugins/wasm/internal/module"
	mt "github.com/soltihq/solti-host/plugins/wasm/internal/moduletest"
)

func seeds(f *testing.F) {
	f.Add(everything())
	f.Add([]byte(mt.Preamble))
	f.Add([]byte(mt.ComponentPreamble))
	f.Add(mt.Hello("hello"))
	f.Add(mt.Trap(mt.UnalignedAtomic))
	for _, build := range hostileOf {
		f.Add(build(5))
	}
}

// Anything may come in: nothing panics, and memory is bounded.
func FuzzInspect(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, wasm []byte) {
		check(t, wasm)
		if got := allocated(func() { _, _ = module.Inspect(wasm) }); got > perByte*len(wasm)+atLeast {
			t.Errorf("%d bytes allocated for %d", got, len(wasm))
		}
	})
}

// What can be compiled can still be compiled when it is normalized, and the other way round, and its memory is
// the same when it has been instantiated. Start functions are not run: they may be endless.
func FuzzNormalize(f *testing.F) {
	seeds(f)
	r := newRuntime(f, wazero.NewRuntimeConfigInterpreter())
	f.Fuzz(func(t *testing.T, wasm []byte) {
		facts, err := module.Inspect(wasm)
		if err != nil || facts.Component || facts.HasStart || facts.Unnamed != "" || len(facts.Imports) > 0 || huge(facts) {
			return
		}
		n := normalize(t, wasm, true)
		memory := len(facts.Memories) > 0
		before, after := initial(t, r, wasm, memory), initial(t, r, n.Wasm, memory)
		if strings.Contains(before, "failed to read custom section") {
			return // the engine does not take an empty one at the module's end; it is dropped
		}
		if before != after {
			t.Errorf("before %.500s\nafter %.500s", before, after)
		}
	})
}

// What can be called does the same when it is normalized: it leaves the same results, traps and memory. What goes
// on for too long in either form says nothing.
func FuzzNormalizedRuns(f *testing.F) {
	seeds(f)
	for _, kind := range mt.Traps() {
		f.Add(mt.Trap(kind))
	}
	f.Add(mt.CompileBomb(3))
	f.Add(mt.BranchBomb(9))
	r := newRuntime(f, wazero.NewRuntimeConfigInterpreter().WithCloseOnContextDone(true))
	f.Fuzz(func(t *testing.T, wasm []byte) {
		facts, err := module.Inspect(wasm)
		if err != nil || facts.Component || facts.Unnamed != "" || len(facts.Imports) > 0 || huge(facts) {
			return
		}
		n := normalize(t, wasm, false)
		before, ended := called(t, r, wasm, facts)
		after, endedToo := called(t, r, n.Wasm, facts)
		if ended && endedToo && before != after && !strings.Contains(before, "failed to read custom section") {
			t.Errorf("before %.500s\nafter %.500s", before, after)
		}
	})
}

// called tells what comes of all functions that are exported and take nothing, and whether they ended in time.
func called(t *testing.T, r wazero.Runtime, wasm []byte, facts *module.Facts) (text string, ended bool) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	compiled, err := r.CompileModule(ctx, wasm)
	if err != nil {
		return notCompiled + err.Error(), true
	}
	defer func() { _ = compiled.Close(context.WithoutCancel(ctx)) }()
	guest, err := r.InstantiateModule(ctx, compiled, wazero.NewModuleConfig().WithName("").WithStartFunctions())
	if err != nil {
		return err.Error(), ctx.Err() == nil
	}
	defer func() { _ = guest.Close(context.WithoutCancel(ctx)) }()
	for _, e := range facts.Exports {
		if e.Kind != module.KindFunc || !strings.HasPrefix(e.Signature, "()") {
			continue
		}
		results, err := guest.ExportedFunction(e.Name).Call(ctx)
		text += fmt.Sprintf("%q: %v %v\n", e.Name, results, err)
	}
	if len(facts.Memories) > 0 {
		text += content(guest.Memory())
	}
	return text, ctx.Err() == nil
}

// huge reports whether an instance would take more than a fuzzer should.
func huge(facts *module.Facts) bool {
	for _, b := range facts.Memories {
		if b.Min > 16 {
			return true
		}
	}
	for _, b := range facts.Tables {
		if b.Min > 1<<16 {
			return true
		}
	}
	return false
}

// initial tells how instantiation ends, and what is in memory then.
func initial(t *testing.T, r wazero.Runtime, wasm []byte, hasMemory bool) string {
	compiled, err := r.CompileModule(t.Context(), wasm)
	if err != nil {
		return notCompiled + err.Error()
	}
	defer func() { _ = compiled.Close(t.Context()) }()
	guest, err := r.InstantiateModule(t.Context(), compiled, wazero.NewModuleConfig().WithName("").WithStartFunctions())
	if err != nil {
		return err.Error()
	}
	defer func() { _ = guest.Close(t.Context()) }()
	if !hasMemory {
		return "no memory"
	}
	return content(guest.Memory())
}
