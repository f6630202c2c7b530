package module_test

import (
	"bytes"
	"reflect"
	"slices"
	"testing"

	"github.com/tetratelabs/wazero"

	"github.com/soltihq/solti-host/plugins/wasm/internal/module"
	mt "github.com/soltihq/solti-host/plugins/wasm/internal/moduletest"
)

// shell makes the shell of a module that Inspect takes, and holds it to what is true of every one.
func shell(t testing.TB, wasm []byte) []byte {
	t.Helper()
	s, err := module.Shell(wasm)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := module.Shell(s); err != nil || !bytes.Equal(again, s) {
		t.Fatalf("the shell of a shell is another: %v", err)
	}
	if most := len(wasm)/3*4 + 8; len(s) > most {
		t.Fatalf("%d bytes became %d, more than %d", len(wasm), len(s), most)
	}
	whole, err := module.Inspect(wasm)
	if err != nil {
		t.Fatal(err)
	}
	facts, err := module.Inspect(s)
	if err != nil {
		t.Fatalf("the shell is malformed: %v", err)
	}
	if got, want := outside(facts), outside(whole); !reflect.DeepEqual(got, want) {
		t.Fatalf("outside of bodies it has become\n%+v, and was\n%+v", got, want)
	}
	return s
}

// outside leaves of facts what is not about bodies.
func outside(f *module.Facts) module.Facts {
	o := module.Facts{
		Imports: f.Imports, Exports: f.Exports, Memories: f.Memories, Tables: f.Tables, HasStart: f.HasStart,
		Functions: f.Functions, Segments: f.Segments, Customs: f.Customs, Debug: f.Debug, Names: f.Names,
	}
	if f.Unnamed != "" {
		o.Unnamed = "somewhere" // it says where, which is elsewhere in a shell
	}
	for _, s := range f.Sections {
		if s.Name == "code" {
			s.Size = 0
		}
		o.Sections = append(o.Sections, s)
	}
	return o
}

// A shell is the module that has nothing in its functions, byte for byte.
func TestAShellIsTheModuleWithoutItsBodies(t *testing.T) {
	build := func(locals []mt.Type, first, second mt.Code) []byte {
		var m mt.Module
		m.Import("env", "f", []mt.Type{mt.I32}, []mt.Type{mt.I64})
		m.Table(mt.Funcref, mt.Limits{Min: 1})
		m.Memory(mt.Limits{Min: 1})
		m.Global(mt.I32, true, mt.I32Const(5))
		m.Export("_start", m.Func(nil, nil, locals, first))
		m.Elements(0, m.Func([]mt.Type{mt.I32}, []mt.Type{mt.I32}, locals, second))
		m.DataCount(1)
		m.Data(0, bytes.Repeat([]byte("data"), 100))
		m.Custom(mt.CodeSection, ".debug_line", []byte("y"))
		m.Names("f", "_start", "second")
		return m.Bytes()
	}
	wasm := build([]mt.Type{mt.I32, mt.I64}, mt.I32Const(1148)+mt.LocalSet(0)+mt.Block(mt.Forever(mt.LocalGet(0)+mt.BrIf(1))), mt.LocalGet(0))
	if got, want := shell(t, wasm), build(nil, mt.Unreachable, mt.Unreachable); !bytes.Equal(got, want) {
		t.Errorf("it became\n% x, want\n% x", got, want)
	}
	if got := shell(t, everything()); len(got) >= len(everything()) {
		t.Errorf("%d bytes became %d", len(everything()), len(got))
	}
	for name, same := range map[string][]byte{
		"empty": []byte(mt.Preamble), "no functions": new(mt.Module).Bytes(),
		"no bodies": slices.Concat([]byte(mt.Preamble), mt.Section(mt.CodeSection, []byte{0})),
	} {
		if got := shell(t, same); !bytes.Equal(got, same) {
			t.Errorf("%s: it became % x", name, got)
		}
	}
}

// What is not in a body stays as it was written, also where there were shorter ways.
func TestAShellKeepsNumbersAsTheyAre(t *testing.T) {
	types := slices.Concat([]byte{mt.TypeSection}, mt.LongUint(4, 5), []byte{1, 0x60, 0, 0})
	functions := slices.Concat([]byte{3}, mt.LongUint(2, 3), []byte{1, 0})
	code := slices.Concat([]byte{mt.CodeSection}, mt.LongUint(11, 4), mt.LongUint(1, 5), mt.LongUint(4, 2), []byte{0, 1, 1, 0x0b})
	got := shell(t, slices.Concat([]byte(mt.Preamble), types, functions, code))
	want := slices.Concat([]byte(mt.Preamble), types, functions, []byte{mt.CodeSection, 5, 1, 3, 0, 0, 0x0b})
	if !bytes.Equal(got, want) {
		t.Errorf("it became\n% x, want\n% x", got, want)
	}
}

func TestWhatCannotBeTakenApartHasNoShell(t *testing.T) {
	good := mt.Hello("hello")
	for name, wasm := range map[string][]byte{
		"nothing": nil, "text": []byte("text"), "a component": []byte(mt.ComponentPreamble), "half a preamble": good[:6],
		"cut off in a section":   good[:len(good)-1],
		"a length without end":   append([]byte(mt.Preamble), 1, 0xff, 0xff, 0xff, 0xff, 0xff),
		"more bodies than bytes": slices.Concat([]byte(mt.Preamble), mt.Section(mt.CodeSection, []byte{0xff, 0xff, 0xff, 0xff, 0x0f})),
		"a body beyond the code": slices.Concat([]byte(mt.Preamble), mt.Section(mt.CodeSection, []byte{1, 9, 0, 0x0b})),
		"bytes behind the code":  slices.Concat([]byte(mt.Preamble), mt.Section(mt.CodeSection, []byte{1, 2, 0, 0x0b, 0})),
	} {
		if got, err := module.Shell(wasm); err == nil || got != nil {
			t.Errorf("%s has a shell: % x, %v", name, got, err)
		}
	}
}

// Anything may come in. What Inspect takes has a shell, of which it finds the same outside of bodies; and if the
// engine takes the module, it takes the shell.
func FuzzShell(f *testing.F) {
	seeds(f)
	r := newRuntime(f, wazero.NewRuntimeConfigInterpreter())
	takes := func(t *testing.T, wasm []byte) error {
		compiled, err := r.CompileModule(t.Context(), wasm)
		if err == nil {
			_ = compiled.Close(t.Context())
		}
		return err
	}
	f.Fuzz(func(t *testing.T, wasm []byte) {
		facts, err := module.Inspect(wasm)
		if err != nil || facts.Component {
			_, _ = module.Shell(wasm)
			return
		}
		s := shell(t, wasm)
		if huge(facts) || takes(t, wasm) != nil {
			return
		}
		if err := takes(t, s); err != nil {
			t.Errorf("the engine takes the module, but not its shell: %v", err)
		}
	})
}
