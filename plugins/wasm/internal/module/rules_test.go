package module_test

import (
	"strings"
	"testing"

	"github.com/soltihq/solti-host/plugins/wasm/internal/module"
	mt "github.com/soltihq/solti-host/plugins/wasm/internal/moduletest"
)

// offered is what a host offers in these tests.
func offered(module, name string) (string, bool) {
	signatures := map[string]string{
		"fd_write":  "(i32,i32,i32,i32)->i32", // spaces do not matter
		"proc_exit": "(i32)",
		"any":       "",
	}
	s, ok := signatures[name]
	return s, ok && module == mt.Preview1
}

func TestModulesThatAreTaken(t *testing.T) {
	rules := module.Rules{
		MaxBytes: 1 << 20, MaxBody: 1 << 10, MemoryPages: 1, TableElements: 2, Imports: offered,
	}
	for name, wasm := range map[string][]byte{
		"hello": mt.Hello("hello"),
		"exit":  mt.Exit(1, "a", "b"),
		"trap":  mt.Trap("div_zero"),
	} {
		if got := refusals(t, wasm, rules); len(got) > 0 {
			t.Errorf("%s is refused: %q", name, got)
		}
	}
	rules.Features = []module.Feature{module.TailCall}
	if got := refusals(t, mt.TailCallLoop(), rules); len(got) > 0 {
		t.Errorf("tail calls are refused: %q", got)
	}
	var m mt.Module
	m.Export("work", m.Func(nil, nil, nil, ""))
	if got := refusals(t, m.Bytes(), module.Rules{Entry: "work"}); len(got) > 0 {
		t.Errorf("another entry point is refused: %q", got)
	}
}

// A refusal is a module, the rules that it breaks, and what its reasons say.
type refusal struct {
	name  string
	rules module.Rules
	build func(*mt.Module)
	want  []string
}

func (c refusal) check(t *testing.T) {
	t.Helper()
	var m mt.Module
	c.build(&m)
	c.rules.Imports = offered
	got := refusals(t, m.Bytes(), c.rules)
	if len(got) != len(c.want) {
		t.Errorf("%s: refused for %q, want %q", c.name, got, c.want)
		return
	}
	for i, want := range c.want {
		if !strings.Contains(got[i], want) || strings.ContainsAny(got[i], "\n\x1b") {
			t.Errorf("%s: reason %q, want %q", c.name, got[i], want)
		}
	}
}

// exports builds a function that is exported under these names.
func exports(names ...string) func(*mt.Module) {
	return func(m *mt.Module) {
		f := m.Func(nil, nil, nil, "")
		for _, name := range names {
			m.Export(name, f)
		}
	}
}

// imports builds a program that imports a function.
func imports(module, name string, params, results []mt.Type) func(*mt.Module) {
	return func(m *mt.Module) { m.Import(module, name, params, results); exports("_start")(m) }
}

func plain(module, name string) func(*mt.Module) { return imports(module, name, nil, nil) }

// four are the parameters of some functions.
var four = []mt.Type{mt.I32, mt.I32, mt.I32, mt.I32}

func TestLimitsAndEntriesThatAreRefused(t *testing.T) {
	for _, c := range []refusal{
		{"bytes", module.Rules{MaxBytes: 10}, exports("_start"), []string{"is 36 bytes, and 10 bytes are allowed"}},
		{"body", module.Rules{MaxBody: 1}, exports("_start"), []string{`its function "_start" of 2 bytes, and 1 bytes are allowed`}},
		{"memory", module.Rules{MemoryPages: 32}, func(m *mt.Module) { m.Memory(mt.Limits{Min: 8192}); exports("_start")(m) },
			[]string{"needs 512 MiB of memory to begin with, and the limit is 2 MiB; raise limits.memory"}},
		{"tables", module.Rules{TableElements: 10}, func(m *mt.Module) {
			m.Table(mt.Funcref, mt.Limits{Min: 6})
			m.Table(mt.Funcref, mt.Limits{Min: 5})
			exports("_start")(m)
		}, []string{"tables of 11 elements"}},
		{"no entry", module.Rules{}, exports("add"), []string{`exports no function _start, so there is nothing to run; build a command with a main function for wasm32-wasip1. Or name one of its functions as entryPoint: "add"`}},
		{"reactor", module.Rules{}, exports("_initialize", "add"), []string{`is a reactor, a library that exports _initialize and no _start`}},
		{"object", module.Rules{}, func(m *mt.Module) { m.Custom(0, "linking", nil) }, []string{"object file"}},
		{"other entry", module.Rules{Entry: "run"}, exports("_start"), []string{`exports no function "run", which entryPoint names. It could name: "_start"`}},
		{"entry with parameters", module.Rules{}, func(m *mt.Module) {
			m.Export("_start", m.Func(four, nil, nil, ""))
		}, []string{`the entry point "_start" with signature (i32, i32, i32, i32); it must take nothing`}},
		{"entry that is no function", module.Rules{}, func(m *mt.Module) {
			m.Memory(mt.Limits{})
			m.ExportRaw("_start", 2, 0)
		}, []string{`exports "_start" as a memory`}},
		{"many entries", module.Rules{}, exports("a", "b", "c", "d", "e", "f", "g", "h", "i", "j"), []string{`"h" and 2 more`}},
	} {
		c.check(t)
	}
}

func TestImportsThatAreRefused(t *testing.T) {
	for _, c := range []refusal{
		{"unknown import", module.Rules{}, plain("x", "y"), []string{"imports x.y: nobody offers that here"}},
		{"hostile name", module.Rules{}, plain("x", "\n\x1b[31m"+strings.Repeat("a", 500)), []string{`imports x.\n\x1b[31maaa`}},
		{"wrong signature", module.Rules{}, imports(mt.Preview1, "fd_write", nil, nil), []string{"its signature is (), and should be (i32,i32,i32,i32)->i32"}},
		{"any signature", module.Rules{}, imports(mt.Preview1, "any", four, four), nil},
		{"preview 1", module.Rules{}, plain(mt.Preview1, "sock_open"), []string{"WASI preview 1 has no such function"}},
		{"preview 0", module.Rules{}, plain("wasi_unstable", "fd_write"), []string{"preview 0"}},
		{"preview 2", module.Rules{}, plain("wasi:io/streams@0.2.0", "drop"), []string{"WASI 0.2 or later"}},
		{"threads of WASI", module.Rules{}, plain("wasi", "thread-spawn"), []string{"wasm32-wasip1-threads"}},
		{"js", module.Rules{}, plain("gojs", "runtime.wasmExit"), []string{"GOOS=js"}},
		{"bindgen", module.Rules{}, plain("__wbindgen_placeholder__", "x"), []string{"wasm-bindgen"}},
		{"emscripten", module.Rules{}, plain("env", "emscripten_memcpy_js"), []string{"Emscripten"}},
		{"emscripten's letters", module.Rules{}, plain("a", "b"), []string{"Emscripten"}},
		{"open symbol", module.Rules{}, plain("env", "deflate"), []string{"imports env.deflate: the linker did not find that"}},
		{"assemblyscript", module.Rules{}, imports("env", "abort", four, nil), []string{"AssemblyScript"}},
		{"side module", module.Rules{}, func(m *mt.Module) {
			m.ImportGlobal("env", "__memory_base", mt.I32, false)
			exports("_start")(m)
		}, []string{"dynamic linking"}},
		{"imported memory", module.Rules{}, func(m *mt.Module) {
			m.ImportMemory("env", "memory", mt.Limits{})
			exports("_start")(m)
		}, []string{"bring its own memory"}},
	} {
		c.check(t)
	}
}

func TestFeaturesThatAreRefused(t *testing.T) {
	for _, c := range []refusal{
		{"tail calls", module.Rules{}, func(m *mt.Module) { m.Func(nil, nil, nil, mt.TailCall(0)); exports("_start")(m) },
			[]string{"add tailCall to the task's features"}},
		{"threads", module.Rules{Features: []module.Feature{module.TailCall}}, func(m *mt.Module) {
			m.Memory(mt.Limits{Min: 1, Max: 1, HasMax: true, Shared: true})
			exports("_start")(m)
		}, []string{"-pthread"}},
		{"names", module.Rules{}, func(m *mt.Module) { m.Custom(0, "name", []byte{1, 9}); exports("_start")(m) }, []string{"normalize: true"}},
		{"everything at once", module.Rules{MaxBytes: 1, MemoryPages: 1}, func(m *mt.Module) {
			m.Memory(mt.Limits{Min: 2})
			m.Tag(nil)
			plain("env", "x")(m)
		}, []string{"1 bytes", "exceptions", "env.x", "128 KiB"}},
	} {
		c.check(t)
	}
}

func TestImportsAreGroupedByReason(t *testing.T) {
	var m mt.Module
	for i := range 30 {
		m.Import("env", "emscripten_"+strings.Repeat("x", i), nil, nil)
	}
	m.Import("wbg", "__wbg_new", nil, nil)
	m.Export("_start", m.Func(nil, nil, nil, ""))
	got := refusals(t, m.Bytes(), module.Rules{})
	if len(got) != 2 || !strings.Contains(got[0], "and 22 more: that is Emscripten") || !strings.Contains(got[1], "wbg.__wbg_new") {
		t.Errorf("refused for %q", got)
	}
}

func TestComponentsAreRefusedWithWhatToBuild(t *testing.T) {
	got := refusals(t, []byte(mt.ComponentPreamble), module.Rules{})
	if len(got) != 1 || !strings.Contains(got[0], "is a component") || !strings.Contains(got[0], "wasm32-wasip1") {
		t.Errorf("refused for %q", got)
	}
}

func refusals(t *testing.T, wasm []byte, r module.Rules) []string {
	t.Helper()
	facts, err := module.Inspect(wasm)
	if err != nil {
		t.Fatal(err)
	}
	return facts.Refusals(r)
}

// What explodes in the compiler is refused before, by what it carries and not by its size. What compilers make is
// far from that.
func TestExplosivesAreRefused(t *testing.T) {
	rules := module.Rules{MaxBytes: 64 << 20, MaxBody: 200 << 10}
	for _, e := range mt.Explosives() {
		want := "carry "
		if e.Name == "variables" {
			want = "declares 400000000 variables"
		}
		got := refusals(t, e.Wasm, rules)
		if len(e.Wasm) > 100<<10 || len(got) != 1 || !strings.Contains(got[0], want) {
			t.Errorf("%s of %d bytes: refused for %q", e.Name, len(e.Wasm), got)
		}
	}
	for name, wasm := range map[string][]byte{"bomb": mt.CompileBomb(300), "branches": mt.BranchBomb(8000)} {
		if got := refusals(t, wasm, rules); len(got) > 0 {
			t.Errorf("%s: refused for %q", name, got)
		}
	}
}

// Real programs carry less than a byte of them is allowed to.
func TestRealProgramsCarryLittle(t *testing.T) {
	programs := 0
	for _, file := range modulesBelow(t, engineDir(t)) {
		facts, err := module.Inspect(read(t, file))
		if err != nil || facts.Functions == 0 || len(facts.Features) > 0 {
			continue
		}
		programs++
		if most := uint64(max(facts.LargestBody, 4<<10)); facts.MostCarried > most || facts.Variables > uint64(facts.Bytes)+1<<17 {
			t.Errorf("%s of %d bytes, largest function %d: carries %d, declares %d", file, facts.Bytes, facts.LargestBody, facts.MostCarried, facts.Variables)
		}
	}
	if programs < 100 {
		t.Errorf("only %d programs were looked at", programs)
	}
}
