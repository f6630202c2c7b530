package module_test

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/soltihq/solti-host/plugins/wasm/internal/module"
	mt "github.com/soltihq/solti-host/plugins/wasm/internal/moduletest"
)

func TestFactsOfAModule(t *testing.T) {
	var m mt.Module
	m.Import("wasi_snapshot_preview1", "fd_write", []mt.Type{mt.I32, mt.I32, mt.I32, mt.I32}, []mt.Type{mt.I32})
	m.Import("env", "f", []mt.Type{mt.I64}, nil)
	m.ImportRaw("env", "t", []byte{1, byte(mt.Externref), 1, 2, 9})
	m.ImportGlobal("env", "g", mt.F64, true)
	m.Table(mt.Funcref, mt.Limits{Min: 3})
	m.Memory(mt.Limits{Min: 2, Max: 300, HasMax: true})
	m.Global(mt.V128, false, "\xfd\x0c"+mt.Code(make([]byte, 16)))
	start := m.Func(nil, nil, nil, "")
	large := m.Func(nil, []mt.Type{mt.I32, mt.F32}, []mt.Type{mt.I64, mt.Externref}, mt.I32Const(1)+mt.F32Const([4]byte{}))
	m.Export("_start", start)
	m.Export("pair", large)
	m.ExportRaw("memory", 2, 0)
	m.ExportRaw("imported table", 1, 0)
	m.ExportRaw("table", 1, 1)
	m.ExportRaw("imported global", 3, 0)
	m.ExportRaw("global", 3, 1)
	m.Start(start)
	m.Elements(0, start, large)
	m.Data(7, []byte("data"))
	m.PassiveData([]byte("more"))
	m.DataCount(2)
	m.Names("fd_write", "f", "_start", "the large one")
	m.Custom(mt.TypeSection, ".debug_info", []byte("12345"))
	wasm := m.Bytes()
	facts, err := module.Inspect(wasm)
	if err != nil {
		t.Fatal(err)
	}
	want := &module.Facts{
		Imports: []module.Import{
			{Module: "wasi_snapshot_preview1", Name: "fd_write", Kind: module.KindFunc, Signature: "(i32, i32, i32, i32) -> i32"},
			{Module: "env", Name: "f", Kind: module.KindFunc, Signature: "(i64)"},
			{Module: "env", Name: "t", Kind: module.KindTable, Signature: "externref"},
			{Module: "env", Name: "g", Kind: module.KindGlobal, Signature: "mut f64"},
		},
		Exports: []module.Export{
			{Name: "_start", Kind: module.KindFunc, Signature: "()"},
			{Name: "pair", Kind: module.KindFunc, Signature: "() -> (i32, f32)"},
			{Name: "memory", Kind: module.KindMemory},
			{Name: "imported table", Kind: module.KindTable, Signature: "externref"},
			{Name: "table", Kind: module.KindTable, Signature: "funcref"},
			{Name: "imported global", Kind: module.KindGlobal, Signature: "mut f64"},
			{Name: "global", Kind: module.KindGlobal, Signature: "v128"},
		},
		Memories:    []module.Bounds{{Min: 2, Max: 300, HasMax: true}},
		Tables:      []module.Bounds{{Min: 2, Max: 9, HasMax: true}, {Min: 3}},
		Functions:   2,
		LargestBody: 13,
		LargestName: "the large one", Variables: 4, MostCarried: 2, CarriedName: "the large one",
		Segments: 2,
		Sections: []module.Section{
			{Name: ".debug_info", Size: 19}, {Name: "type", Size: 23}, {Name: "import", Size: 65}, {Name: "function", Size: 5}, {Name: "table", Size: 6}, {Name: "memory", Size: 7}, {Name: "global", Size: 24},
			{Name: "export", Size: 80}, {Name: "start", Size: 3}, {Name: "element", Size: 10}, {Name: "data count", Size: 3}, {Name: "code", Size: 20}, {Name: "data", Size: 18}, {Name: "name", Size: 46},
		},
		Customs:  []module.Custom{{Name: ".debug_info", Size: 19}, {Name: "name", Size: 46}},
		HasStart: true,
		Names:    true,
		Debug:    true,
		Bytes:    len(wasm),
	}
	if !reflect.DeepEqual(facts, want) {
		t.Errorf("facts\n%+v, want\n%+v", facts, want)
	}
}

func TestFeaturesThatAreUsed(t *testing.T) {
	body := func(c mt.Code) func(*mt.Module) { return func(m *mt.Module) { m.Func(nil, nil, nil, c) } }
	for _, c := range []struct {
		build func(*mt.Module)
		want  []module.Feature
	}{
		{body(mt.MemoryFill + mt.TableGrow(0) + mt.NullFunc + "\xfd\x00\x02\x00"), nil},
		{body(mt.TailCall(0)), []module.Feature{module.TailCall}},
		{body("\x13\x00\x00"), []module.Feature{module.TailCall}},
		{body(mt.I32AtomicLoad()), []module.Feature{module.Threads}},
		{func(m *mt.Module) { m.Memory(mt.Limits{Min: 1, Max: 1, HasMax: true, Shared: true}) }, []module.Feature{module.Threads}},
		{func(m *mt.Module) { m.Tag(nil) }, []module.Feature{module.Exceptions}},
		{body("\x1f\x40\x02\x00\x00\x01\x03\x00" + "\x0b" + "\x0a\x08\x00"), []module.Feature{module.Exceptions}},
		{body("\x14\x00\xd4\xd5\x00"), []module.Feature{module.FunctionReferences}},
		{func(m *mt.Module) { m.Type([]byte{0x60, 1, 0x63, 0x70, 0}) }, []module.Feature{module.FunctionReferences}},
		{func(m *mt.Module) { m.Type([]byte{0x4e, 1, 0x60, 0, 0}) }, []module.Feature{module.GC}},
		{func(m *mt.Module) { m.Memory(mt.Limits{}); m.Memory(mt.Limits{}) }, []module.Feature{module.MultiMemory}},
		{body("\x3f\x01"), []module.Feature{module.MultiMemory}},
		{body("\x28\x42\x01\x00"), []module.Feature{module.MultiMemory}},
		{func(m *mt.Module) { m.Memory(mt.Limits{Min: 1 << 33, Is64: true}) }, []module.Feature{module.Memory64}},
		{func(m *mt.Module) { m.Tag(nil); body(mt.TailCall(0))(m) }, []module.Feature{module.TailCall, module.Exceptions}},
	} {
		var m mt.Module
		c.build(&m)
		facts, err := module.Inspect(m.Bytes())
		if err != nil || !slices.Equal(facts.Features, c.want) {
			t.Errorf("% x: %v, %v, want %v", m.Bytes(), facts, err, c.want)
		}
	}
}

func TestWhatIsMalformed(t *testing.T) {
	section := func(id byte, payload string) string { return mt.Preamble + string(mt.Section(id, []byte(payload))) }
	function := func(body string) string {
		return section(mt.TypeSection, "\x01\x60\x00\x00") + string(mt.Section(mt.FunctionSection, []byte{1, 0})) +
			string(mt.Section(mt.CodeSection, append([]byte{1}, mt.Name(body)...)))
	}
	const bodyAt = 8 + 6 + 4 + 3 // its length, before its variables
	for _, c := range []struct {
		wasm   string
		offset int
		text   string
	}{
		{mt.Preamble + "\x0e\x00", 8, "section 14 is not known"},
		{mt.Preamble + "\x01", 9, "the length of the type section is cut off"},
		{mt.Preamble + "\x01\x05\x00", 10, "the type section is 5 bytes long, and 1 are left"},
		{section(mt.TypeSection, "\x00") + "\x01\x01\x00", 11, "comes twice or too late"},
		{section(mt.CodeSection, "\x00") + "\x01\x01\x00", 11, "the type section comes twice or too late"},
		{section(mt.DataCountSection, "\x00") + "\x09\x01\x00", 11, "the element section comes twice"},
		{section(mt.TypeSection, "\x00\x00"), 11, "ends here, but 1 bytes later by its length"},
		{section(mt.TypeSection, "\xff\xff\xff\xff\x0f"), 10, "4294967295 types are announced, and 0 bytes are left"},
		{section(mt.TypeSection, "\xff\xff\xff\xff\x1f"), 10, "no integer of 32 bits"},
		{section(mt.TypeSection, "\x01\x5f\x00"), 11, "only functions are known"},
		{section(mt.TypeSection, "\x01\x60\x01\x6e\x00"), 13, "value type 0x6e is not known"},
		{section(mt.ImportSection, "\x01\x00\x00\x00\x00"), 14, "there is no type 0, only 0"},
		{section(mt.ImportSection, "\x01\x01\xff\x00\x02\x00\x00"), 12, "the module of an import is not UTF-8"},
		{section(mt.ImportSection, "\x01\x00\x00\x05\x00"), 13, "kind of an import"},
		{section(mt.ExportSection, "\x01\x00\x00\x00"), 13, "there is no func 0, only 0"},
		{section(mt.StartSection, "\x00"), 10, "there is no function 0"},
		{section(mt.TableSection, "\x01\x7f\x00\x00"), 11, "a table cannot hold i32"},
		{section(mt.TableSection, "\x01\x70\x02\x00"), 12, "cannot be shared"},
		{section(mt.MemorySection, "\x01\x08\x00"), 11, "unknown flags 0x08"},
		{section(mt.MemorySection, "\x01\x01\x02\x01"), 11, "larger than its maximum"},
		{section(mt.MemorySection, "\x01\x00\x81\x80\x04"), 11, "65537 pages is larger than its addresses reach"},
		{section(mt.MemorySection, "\x01\x02\x00"), 11, "shared memory has no maximum"},
		{section(mt.GlobalSection, "\x01\x7f\x02\x41\x00\x0b"), 12, "neither constant nor mutable"},
		{section(mt.GlobalSection, "\x01\x7f\x00\x45\x0b"), 13, "instruction 0x45, which is not constant"},
		{section(mt.GlobalSection, "\x01\x7f\x00\x41\x00"), 15, "a constant expression is cut off"},
		{section(mt.ElementSection, "\x01\x08\x00\x00"), 11, "unknown flags 0x08"},
		{section(mt.DataSection, "\x01\x00\x41\x00\x0b\x00"), 11, "there is no memory 0"},
		{section(mt.DataSection, "\x01\x03\x00"), 11, "unknown flags 0x03"},
		{section(mt.DataSection, "\x01\x01\x05\x00"), 13, "is 5 bytes long, and 1 are left"},
		{section(mt.DataCountSection, "\x01"), 11, "1 data segments are announced, and there are 0"},
		{section(mt.TypeSection, "\x01\x60\x00\x00") + string(mt.Section(mt.FunctionSection, []byte{1, 0})), 18, "1 functions are declared, and 0 have a body"},
		{function("\x00\x01"), bodyAt + 3, "does not end with its last instruction"},
		{function("\x00\x02\x40\x0b"), bodyAt + 5, "does not end with its last instruction"},
		{function("\x00\x0b\x0b"), bodyAt + 3, "ends here, but 1 bytes later"},
		{function("\x00\x06\x40\x0b\x0b"), bodyAt + 2, "build without exceptions"},
		{function("\x00\xfb\x00\x00\x0b"), bodyAt + 2, "without garbage collection"},
		{function("\x00\xfd\x80\x02\x0b"), bodyAt + 2, "relaxed SIMD"},
		{function("\x00\xfc\x20\x0b"), bodyAt + 2, "0xfc 32 is not known"},
		{function("\x00\xfe\x04\x0b"), bodyAt + 2, "0xfe 0x4 is not known"},
		{function("\x00\xfc\x08\x00\x00\x0b"), bodyAt + 2, "no data count section"},
		{function("\x00\x02\x05\x0b\x0b"), bodyAt + 3, "there is no type 5 for a block"},
		{function("\x00\x0e\xff\xff\xff\xff\x0f\x0b"), bodyAt + 3, "4294967295 branches are announced"},
		{function("\x02\xff\xff\xff\xff\x0f\x7f\x01\x7f\x0b"), bodyAt + 1, "4294967295 variables or more"},
	} {
		facts, err := module.Inspect([]byte(c.wasm))
		e := (*module.FormatError)(nil)
		if facts != nil || !errors.As(err, &e) || e.Offset != c.offset || !strings.Contains(e.Problem, c.text) {
			t.Errorf("% x: %+v, %v; want %q at %d", c.wasm, facts, err, c.text, c.offset)
		}
	}
}

func TestWhatIsNoModule(t *testing.T) {
	for input, text := range map[string]string{
		"":                            "is not a WebAssembly module: it is empty",
		"\x7fELF\x02\x01":             "GOOS=wasip1",
		"MZ\x90":                      "Windows",
		"\x1f\x8b\x08":                "gzip",
		"!<arch>\n":                   "link it",
		"#!/bin/sh":                   "Subprocess",
		"  \n(module)":                "wat2wasm",
		";; comment\n(module)":        "wat2wasm",
		"<!DOCTYPE html>":             "HTML",
		"version https://git-lfs.git": "git lfs pull",
		"AGFzbQEAAAA=":                "base64",
		"\x01\x02\x03":                `begins with the bytes "\x01\x02\x03"`,
		"\x00as":                      `begins with the bytes "\x00as"`,
		"\x00asm\x01\x00":             "at offset 6: is cut off",
		"\x00asm\x02\x00\x00\x00":     "unknown version",
	} {
		facts, err := module.Inspect([]byte(input))
		if facts != nil || err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("%q: %v, want %q", input, err, text)
		}
	}
	facts, err := module.Inspect([]byte(mt.ComponentPreamble + "whatever"))
	if want := (&module.Facts{Component: true, Bytes: 16}); err != nil || !reflect.DeepEqual(facts, want) {
		t.Errorf("a component: %+v, %v", facts, err)
	}
}

// All that moduletest makes can be read, and is called what its parts are called.
func TestModulesOfTests(t *testing.T) {
	for _, shape := range mt.Shapes() {
		facts, err := module.Inspect(shape.Wasm)
		if err != nil || !facts.Names || facts.LargestName == "" {
			t.Errorf("%s: %+v, %v", shape.Name, facts, err)
		}
	}
	facts, err := module.Inspect(mt.CompileBomb(500))
	if err != nil || facts.LargestName != "_start" || facts.LargestBody < 5000 {
		t.Errorf("compile bomb: %+v, %v", facts, err)
	}
}
