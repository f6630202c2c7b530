package module_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/soltihq/solti-host/plugins/wasm/internal/module"
	mt "github.com/soltihq/solti-host/plugins/wasm/internal/moduletest"
)

func TestSegmentsThatAreJoined(t *testing.T) {
	at := func(offset uint32, text string) func(*mt.Module) {
		return func(m *mt.Module) { m.Data(offset, []byte(text)) }
	}
	memory := func(l mt.Limits) func(*mt.Module) { return func(m *mt.Module) { m.Memory(l) } }
	page := memory(mt.Limits{Min: 1})
	for _, c := range []struct {
		name  string
		build []func(*mt.Module)
		after int
	}{
		{"none", []func(*mt.Module){page}, 0},
		{"one", []func(*mt.Module){page, at(0, "a")}, 1},
		{"adjacent", []func(*mt.Module){page, at(0, "abc"), at(3, "def")}, 1},
		{"gap of 63", []func(*mt.Module){page, at(0, "a"), at(64, "b"), at(128, "c")}, 1},
		{"gap of 64", []func(*mt.Module){page, at(0, "a"), at(65, "b")}, 2},
		{"two runs", []func(*mt.Module){page, at(0, "a"), at(9, "b"), at(999, "c"), at(1000, "d")}, 2},
		{"not in order", []func(*mt.Module){page, at(9, "b"), at(0, "a")}, 2},
		{"overlap", []func(*mt.Module){page, at(0, "abc"), at(2, "def")}, 2},
		// Between 8 and 12 there is an x, which zeros would overwrite.
		{"gap that is written before", []func(*mt.Module){page, at(9, "x"), at(0, "a"), at(12, "b")}, 3},
		{"gap that is written later", []func(*mt.Module){page, at(0, "a"), at(12, "b"), at(9, "x")}, 3},
		{"gap between what is written", []func(*mt.Module){page, at(12, "xxx"), at(0, "abc"), at(3, "d"), at(12, "b")}, 2},
		{"two sections in disorder", []func(*mt.Module){page, at(900, "c"), at(910, "d"), at(0, "a"), at(10, "b")}, 2},
		{"empty ones", []func(*mt.Module){page, at(0, ""), at(0, ""), at(20, "a"), at(21, "")}, 1},
		{"up to the end", []func(*mt.Module){page, at(65534, "a"), at(65535, "b")}, 1},
		{"out of bounds", []func(*mt.Module){page, at(0, "a"), at(1, "b"), at(65536, "c")}, 3},
		{"empty out of bounds", []func(*mt.Module){page, at(0, "a"), at(1, "b"), at(65537, "")}, 3},
		{"negative", []func(*mt.Module){page, at(0, "a"), at(1, "b"), at(1<<31, "c")}, 3},
		{"passive", []func(*mt.Module){page, at(0, "a"), at(1, "b"), func(m *mt.Module) { m.PassiveData([]byte("c")) }}, 3},
		{"somewhere", []func(*mt.Module){
			func(m *mt.Module) { m.ImportGlobal("env", "at", mt.I32, false) }, page,
			at(0, "a"), at(1, "b"), func(m *mt.Module) { m.DataAt(mt.GlobalGet(0), []byte("c")) },
		}, 3},
		{"computed", []func(*mt.Module){page, at(0, "a"), func(m *mt.Module) {
			m.DataAt(mt.I32Const(1)+mt.I32Const(1)+mt.I32Add, []byte("c"))
		}}, 2},
		{"memory named", []func(*mt.Module){page, at(0, "a"), func(m *mt.Module) {
			m.DataRaw(slices.Concat([]byte{2, 0}, []byte(mt.I32Const(1)+"\x0b"), mt.Name("b")))
		}}, 1},
		{"numbers at length", []func(*mt.Module){page, at(0, "a"), func(m *mt.Module) {
			m.DataRaw(slices.Concat(mt.LongUint(0, 4), []byte{0x41}, mt.LongUint(1, 5), []byte{0x0b}, mt.LongUint(1, 3), []byte("b")))
		}}, 1},
		{"foreign memory", []func(*mt.Module){
			func(m *mt.Module) { m.ImportMemory("env", "memory", mt.Limits{Min: 1}) }, at(0, "a"), at(1, "b"),
		}, 2},
		{"shared memory", []func(*mt.Module){memory(mt.Limits{Min: 1, Max: 1, HasMax: true, Shared: true}), at(0, "a"), at(1, "b")}, 2},
		{"counted", []func(*mt.Module){page, at(0, "a"), at(1, "b"), func(m *mt.Module) { m.DataCount(2) }}, 1},
		{"named by an instruction", []func(*mt.Module){page, at(0, "a"), at(1, "b"), func(m *mt.Module) {
			m.DataCount(2)
			m.Func(nil, nil, nil, mt.DataDrop(1))
		}}, 2},
	} {
		var m mt.Module
		for _, step := range c.build {
			step(&m)
		}
		wasm := m.Bytes()
		n := normalize(t, wasm, false)
		if n.Segments[1] != c.after || n.Changed != (n.Segments[0] != c.after) || n.Changed == bytes.Equal(n.Wasm, wasm) {
			t.Errorf("%s: %d segments became %d, want %d; changed: %v", c.name, n.Segments[0], n.Segments[1], c.after, n.Changed)
		}
	}
}

func TestJoinedSegmentsAreWhatTheyWere(t *testing.T) {
	var m mt.Module
	m.Memory(mt.Limits{Min: 1})
	m.Data(8, []byte("ab"))
	m.Data(12, []byte("cd"))
	m.Data(200, []byte("e"))
	m.DataCount(3)
	var want mt.Module
	want.Memory(mt.Limits{Min: 1})
	want.Data(8, []byte("ab\x00\x00cd"))
	want.Data(200, []byte("e"))
	want.DataCount(2)
	if n := normalize(t, m.Bytes(), false); !bytes.Equal(n.Wasm, want.Bytes()) {
		t.Errorf("it became\n% x, want\n% x", n.Wasm, want.Bytes())
	}
}

// A module that is nearly all gaps would grow more than tenfold; it keeps them.
func TestPaddingIsBounded(t *testing.T) {
	var m mt.Module
	m.Memory(mt.Limits{Min: 64})
	for i := range uint32(40_000) {
		m.Data(i*64, []byte("x"))
	}
	m.Data(40_000*64-63, []byte("behind the last x"))
	wasm := m.Bytes()
	n := normalize(t, wasm, false)
	if n.Segments != [2]int{40_001, 40_000} || len(n.Wasm) > len(wasm) {
		t.Errorf("%v segments, %d bytes became %d", n.Segments, len(wasm), len(n.Wasm))
	}
}

func TestCustomSectionsThatStay(t *testing.T) {
	build := func(names ...string) []byte {
		var m mt.Module
		m.Func(nil, nil, nil, "")
		for i, name := range names {
			content := []byte("content")
			if name == "name" {
				content = mt.FunctionNames("f")
			}
			m.Custom([]byte{mt.TypeSection, mt.CodeSection, 0}[i%3], name, content)
		}
		return m.Bytes()
	}
	for _, c := range []struct {
		debug      bool
		have, keep []string
	}{
		{false, nil, nil},
		{false, []string{"name"}, []string{"name"}},
		{false, []string{".debug_info", "producers", "name", ".debug_line", "", "target_features"}, []string{"name"}},
		{true, []string{".debug_info", "producers", "name", ".debug_line", ".debugger"}, []string{".debug_info", "name", ".debug_line"}},
	} {
		n := normalize(t, build(c.have...), c.debug)
		facts, err := module.Inspect(n.Wasm)
		if err != nil {
			t.Fatal(err)
		}
		var kept []string
		for _, custom := range facts.Customs {
			kept = append(kept, custom.Name)
		}
		slices.Sort(kept)
		slices.Sort(c.keep)
		if !slices.Equal(kept, c.keep) || len(n.Dropped)+len(kept) != len(c.have) || n.Changed != (len(n.Dropped) > 0) {
			t.Errorf("of %q stayed %q, want %q; dropped %q", c.have, kept, c.keep, n.Dropped)
		}
	}
}

// Engines refuse modules whose section "name" is wrong, although it says nothing that is needed.
func TestNamesThatCannotBeReadGo(t *testing.T) {
	for name, content := range map[string][]byte{
		"cut off":              mt.FunctionNames("f")[:3],
		"too many":             {1, 5, 0xff, 0xff, 0xff, 0xff, 0x0f},
		"not UTF-8":            mt.Section(1, []byte{1, 0, 1, 0xff}),
		"longer than it is":    {1, 4, 1, 0, 1, 'f', 1},
		"locals without bound": {2, 7, 1, 0, 0xff, 0xff, 0xff, 0xff, 0x0f},
	} {
		var m mt.Module
		m.Func(nil, nil, nil, "")
		m.Custom(0, "name", content)
		facts, err := module.Inspect(m.Bytes())
		if err != nil || facts.Names || facts.Unnamed == "" {
			t.Fatalf("%s: %+v, %v", name, facts, err)
		}
		if n := normalize(t, m.Bytes(), true); !slices.Equal(n.Dropped, []string{"name"}) {
			t.Errorf("%s: dropped %q", name, n.Dropped)
		}
	}
	var m mt.Module
	m.Func(nil, nil, nil, "")
	m.Names("first")
	m.Names("second")
	if n := normalize(t, m.Bytes(), false); !slices.Equal(n.Dropped, []string{"name"}) || !bytes.Contains(n.Wasm, []byte("first")) {
		t.Errorf("of two sections, %q is dropped", n.Dropped)
	}
}

func TestNormalizeRefusesWhatInspectRefuses(t *testing.T) {
	for _, wasm := range []string{"", "text", mt.ComponentPreamble, mt.Preamble + "\x01", "\x00asm"} {
		if _, err := module.Normalize([]byte(wasm), false); err == nil {
			t.Errorf("%q has no error", wasm)
		}
	}
	if _, err := module.Normalize([]byte(mt.ComponentPreamble), false); err == nil || !strings.Contains(err.Error(), "component") {
		t.Errorf("a component: %v", err)
	}
}

// normalize normalizes, and holds the result to what is true of every one.
func normalize(t testing.TB, wasm []byte, debug bool) module.Normalized {
	t.Helper()
	n, err := module.Normalize(wasm, debug)
	if err != nil {
		t.Fatal(err)
	}
	again, err := module.Normalize(n.Wasm, debug)
	if err != nil || again.Changed || !bytes.Equal(again.Wasm, n.Wasm) || again.Segments[0] != n.Segments[1] {
		t.Fatalf("normalized twice it is something else: %v %v, %v", again.Segments, again.Dropped, err)
	}
	if !n.Changed && !bytes.Equal(n.Wasm, wasm) {
		t.Fatal("it changed and does not say so")
	}
	return n
}
