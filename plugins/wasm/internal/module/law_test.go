package module_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero"
	"pgregory.net/rapid"

	"github.com/soltihq/solti-host/plugins/wasm/internal/module"
	mt "github.com/soltihq/solti-host/plugins/wasm/internal/moduletest"
)

// Whatever a module does, it does the same after normalization, in both engines: how instantiation ends, what is
// in memory then, what instructions on data segments do, and how traps read.
func TestNormalizedModulesDoTheSame(t *testing.T) {
	for name, config := range engines {
		t.Run(name, func(t *testing.T) {
			r := newRuntime(t, config())
			rapid.Check(t, func(rt *rapid.T) {
				wasm := draw(rt)
				n := normalize(t, wasm, rapid.Bool().Draw(rt, "keep debug"))
				before, after := observe(t, r, wasm), observe(t, r, n.Wasm)
				if facts, err := module.Inspect(wasm); err != nil || facts.Unnamed != "" {
					rt.Skip("the engine does not take it as it was")
				}
				if before != after || strings.Contains(before, notCompiled) {
					rt.Fatalf("%v segments, dropped %q: before\n%.2000s\nafter\n%.2000s\nmodule % x", n.Segments, n.Dropped, before, after, wasm)
				}
			})
		})
	}
}

const notCompiled = "not compiled: "

// draw makes a module whose data is in every kind of disorder.
func draw(t *rapid.T) []byte {
	m := new(mt.Module)
	m.ImportGlobal("env", "at", mt.I32, false)
	own := rapid.IntRange(0, 3).Draw(t, "own memory") > 0
	pages := rapid.Uint64Range(1, 2).Draw(t, "pages")
	if own {
		m.Memory(mt.Limits{Min: pages, Max: 3, HasMax: rapid.Bool().Draw(t, "bounded")})
	} else {
		m.ImportMemory("env", "memory", mt.Limits{Min: pages})
	}
	segments := drawSegments(t, m)
	use := mt.Code("")
	if rapid.Bool().Draw(t, "counted") {
		m.DataCount(uint64(segments))
		for range rapid.IntRange(0, 2).Draw(t, "uses") {
			use += drawUse(t, segments)
		}
	}
	m.Export("use", m.Func(nil, nil, nil, use))
	m.Export("trap", m.Func(nil, nil, nil, mt.Unreachable))
	if rapid.Bool().Draw(t, "starts") {
		m.Start(m.Func(nil, nil, nil, mt.I32Const(4096)+mt.I32Const(0)+mt.I32Const(512)+mt.MemoryCopy))
	}
	for range rapid.IntRange(0, 3).Draw(t, "customs") {
		name := rapid.SampledFrom([]string{"producers", ".debug_info", "x", ""}).Draw(t, "custom")
		m.Custom(rapid.ByteRange(0, mt.DataCountSection).Draw(t, "where"), name, []byte("content"))
	}
	if rapid.Bool().Draw(t, "named") {
		m.Names("use", "trap")
	}
	return m.Bytes()
}

// drawSegments adds data segments, most of them in order and close to each other, and returns how many.
func drawSegments(t *rapid.T, m *mt.Module) int {
	n := rapid.IntRange(0, 12).Draw(t, "segments")
	at := rapid.Uint32Range(0, 200).Draw(t, "first")
	orderly := rapid.Bool().Draw(t, "orderly")
	for range n {
		content := rapid.SliceOfN(rapid.ByteRange(1, 255), 0, 9).Draw(t, "content")
		kind := 0
		if !orderly {
			kind = rapid.IntRange(0, 12).Draw(t, "kind")
		}
		switch kind {
		case 1:
			m.PassiveData(content)
			continue
		case 2:
			m.DataAt(mt.GlobalGet(0), content)
			continue
		case 3:
			m.DataAt(mt.I32Const(int32(at))+mt.I32Const(3)+mt.I32Add, content)
			continue
		case 4:
			at = rapid.Uint32Range(0, 600).Draw(t, "elsewhere")
		case 5:
			at = rapid.SampledFrom([]uint32{65530, 65536, 131070, 1 << 31, 1<<32 - 2}).Draw(t, "edge")
		case 6:
			m.DataRaw(slices.Concat([]byte{2, 0}, []byte(mt.I32Const(int32(at))+"\x0b"), mt.Name(string(content))))
			continue
		}
		m.Data(at, content)
		at += uint32(len(content)) + rapid.SampledFrom([]uint32{0, 0, 1, 7, 30, 63, 64, 100}).Draw(t, "gap")
	}
	return n
}

// drawUse makes an instruction on a data segment, or one with which it must not be confused.
func drawUse(t *rapid.T, segments int) mt.Code {
	if segments == 0 {
		return mt.Nop
	}
	s := rapid.Uint32Range(0, uint32(segments-1)).Draw(t, "segment")
	return rapid.SampledFrom([]mt.Code{
		mt.I32Const(300) + mt.I32Const(0) + mt.I32Const(1) + mt.MemoryInit(s),
		mt.DataDrop(s),
		mt.I32Const(1148) + mt.Drop, // which has the bytes of memory.init in it
		mt.I32Const(8) + mt.I32Const(7) + mt.I32Const(6) + mt.MemoryFill,
	}).Draw(t, "use")
}

// observe tells everything that can be seen of a module.
func observe(t testing.TB, r wazero.Runtime, wasm []byte) string {
	t.Helper()
	ctx := t.Context()
	var env mt.Module
	env.Memory(mt.Limits{Min: 2})
	env.ExportRaw("memory", 2, 0)
	env.Global(mt.I32, false, mt.I32Const(77))
	env.ExportRaw("at", 3, 0)
	env.Data(0, bytes.Repeat([]byte("not zero"), 600))
	host, err := r.InstantiateWithConfig(ctx, env.Bytes(), wazero.NewModuleConfig().WithName("env"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = host.Close(ctx) }()
	compiled, err := r.CompileModule(ctx, wasm)
	if err != nil {
		return notCompiled + err.Error()
	}
	defer func() { _ = compiled.Close(ctx) }()
	guest, err := r.InstantiateModule(ctx, compiled, wazero.NewModuleConfig().WithName(""))
	out := fmt.Sprintf("instantiated: %v, host %s", err, content(host.Memory()))
	if err != nil {
		return out
	}
	defer func() { _ = guest.Close(ctx) }()
	out += fmt.Sprintf(", memory %s", content(guest.Memory()))
	for _, f := range []string{"use", "trap"} {
		_, err := guest.ExportedFunction(f).Call(ctx)
		out += fmt.Sprintf("\n%s: %v, memory %s", f, err, content(guest.Memory()))
	}
	return out
}
