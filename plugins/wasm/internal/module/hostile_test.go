package module_test

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/soltihq/solti-host/plugins/wasm/internal/module"
	mt "github.com/soltihq/solti-host/plugins/wasm/internal/moduletest"
	"github.com/soltihq/solti-host/plugins/wasm/internal/proctest"
)

// All that Inspect, Normalize and Shell allocate, and not only what they hold, is bounded by the input's length.
const (
	perByte = 64
	atLeast = 64 << 10
)

func TestMemoryIsAMultipleOfTheInput(t *testing.T) {
	for name, wasm := range hostile() {
		var err error
		if got, most := allocated(func() { _, err = module.Inspect(wasm) }), perByte*len(wasm)+atLeast; got > most {
			t.Errorf("%s: Inspect allocates %d for %d bytes, %d at most (%v)", name, got, len(wasm), most, err)
		}
		if err != nil {
			t.Errorf("%s is meant to be read to its end: %v", name, err)
		}
		if got, most := allocated(func() { _, err = module.Normalize(wasm, false) }), 2*perByte*len(wasm)+atLeast; got > most {
			t.Errorf("%s: Normalize allocates %d for %d bytes, %d at most (%v)", name, got, len(wasm), most, err)
		}
		if got, most := allocated(func() { _, err = module.Shell(wasm) }), 4*len(wasm)+atLeast; got > most || err != nil {
			t.Errorf("%s: Shell allocates %d for %d bytes, %d at most (%v)", name, got, len(wasm), most, err)
		}
	}
}

// Eight times the input may not take much more than eight times the time: four times as much is allowed for noise, and
// what takes time with the square of the input takes twice that.
func TestTimeIsAMultipleOfTheInput(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for name, build := range hostileOf {
		took := func(n int) time.Duration {
			wasm, best := build(n), time.Hour
			for range 3 {
				began := proctest.ThreadTime(t)
				_, _ = module.Normalize(wasm, false)
				best = min(best, proctest.ThreadTime(t)-began)
			}
			return best
		}
		small, large := took(4_000), took(32_000)
		if large > 32*small+time.Millisecond {
			t.Errorf("%s: %v, and %v for eight times as much", name, small, large)
		}
	}
}

// hostile are modules that make the most of each byte.
func hostile() map[string][]byte {
	out := make(map[string][]byte)
	for name, build := range hostileOf {
		out[name] = build(9_000)
	}
	return out
}

// hostileOf makes modules with n of something.
var hostileOf = map[string]func(n int) []byte{
	"empty custom sections": func(n int) []byte {
		return append([]byte(mt.Preamble), bytes.Repeat([]byte{0, 1, 0}, min(n, 1000))...)
	},
	"imports without names": func(n int) []byte {
		m := mt.Module{}
		for range n {
			m.ImportRaw("", "", []byte{3, byte(mt.I32), 0})
		}
		return m.Bytes()
	},
	"imports of other modules": func(n int) []byte {
		m := mt.Module{}
		for i := range n {
			m.ImportRaw(string('a'+rune(i%2)), "", []byte{3, byte(mt.I32), 0})
		}
		return m.Bytes()
	},
	"exports without names": func(n int) []byte {
		m := mt.Module{}
		m.Func(nil, nil, nil, "")
		for range n {
			m.ExportRaw("", 0, 0)
		}
		return m.Bytes()
	},
	"types with many parameters": func(n int) []byte {
		m := mt.Module{}
		for i := range n / 1000 {
			params := slices.Repeat([]mt.Type{mt.Externref}, 1000)
			params[0] = mt.I32 - mt.Type(i%4) // of which none is like the other
			m.Import("", "", params, nil)
		}
		return m.Bytes()
	},
	"types": func(n int) []byte {
		m := mt.Module{}
		for range n {
			m.Type([]byte{0x60, 0, 0})
		}
		return m.Bytes()
	},
	"groups of types": func(n int) []byte {
		m := mt.Module{}
		for range n {
			m.Type([]byte{0x4e, 0})
		}
		return m.Bytes()
	},
	"tables": func(n int) []byte {
		m := mt.Module{}
		for range n {
			m.Table(mt.Funcref, mt.Limits{})
		}
		return m.Bytes()
	},
	"functions": func(n int) []byte {
		m := mt.Module{}
		for range n {
			m.Func(nil, nil, nil, "")
		}
		return m.Bytes()
	},
	"names": func(n int) []byte {
		m := mt.Module{}
		m.Func(nil, nil, nil, "")
		m.Names(make([]string, n)...)
		return m.Bytes()
	},
	"segments in disorder": func(n int) []byte {
		m := mt.Module{}
		m.Memory(mt.Limits{Min: 64})
		r := rand.New(rand.NewPCG(1, 2))
		for range n {
			m.Data(r.Uint32N(4<<20-1), []byte{1})
		}
		return m.Bytes()
	},
	"segments with gaps": func(n int) []byte {
		m := mt.Module{}
		m.Memory(mt.Limits{Min: 64})
		for i := range uint32(n) {
			m.Data(i*64, []byte{1})
		}
		return m.Bytes()
	},
	"empty segments": func(n int) []byte {
		m := mt.Module{}
		m.Memory(mt.Limits{Min: 64})
		for range n {
			m.Data(0, nil)
		}
		return m.Bytes()
	},
	"nested blocks": func(n int) []byte {
		m := mt.Module{}
		raw := append([]byte{0}, bytes.Repeat([]byte{0x02, 0x40}, n)...)
		m.DefineRaw(m.Declare(nil, nil), append(raw, bytes.Repeat([]byte{0x0b}, n+1)...))
		return m.Bytes()
	},
	"references to types": func(n int) []byte {
		m := mt.Module{}
		m.Type(slices.Concat([]byte{0x60}, binary.AppendUvarint(nil, 900), bytes.Repeat([]byte{0x63, 0}, 900), []byte{0}))
		for range n / 100 {
			m.ImportRaw("", "", []byte{0, 0})
		}
		return m.Bytes()
	},
}

// Counts of all sizes, everywhere where a count may stand, in modules of a few bytes.
func TestCountsAreNotBelieved(t *testing.T) {
	whole := everything()
	for at := 8; at < len(whole); at++ {
		for _, count := range []uint64{1<<32 - 1, 1 << 31, 1 << 24, 1 << 14} {
			wasm := slices.Concat(whole[:at], mt.Uint(count), whole[at+1:])
			if got := allocated(func() {
				_, _ = module.Inspect(wasm)
				_, _ = module.Normalize(wasm, true)
			}); got > 3*perByte*len(wasm)+2*atLeast {
				t.Errorf("%d at %d: %d bytes are allocated", count, at, got)
			}
		}
	}
}

// Every single byte of a module is replaced by others and cut off, and nothing panics.
func TestBrokenModulesArePermanentlyHarmless(t *testing.T) {
	whole := everything()
	for at := range whole {
		for _, b := range []byte{0x00, 0x01, 0x0b, 0x40, 0x7f, 0x80, 0xfc, 0xff, whole[at] ^ 1} {
			wasm := slices.Clone(whole)
			wasm[at] = b
			check(t, wasm)
		}
		check(t, whole[:at])
		check(t, slices.Delete(slices.Clone(whole), at, at+1))
	}
}

// check reads and normalizes anything, and holds what comes out to what is true of all of it.
func check(t testing.TB, wasm []byte) {
	t.Helper()
	facts, err := module.Inspect(wasm)
	if (facts == nil) == (err == nil) {
		t.Fatalf("% x: facts %v and error %v", wasm, facts, err)
	}
	if err != nil {
		if _, err := module.Normalize(wasm, true); err == nil {
			t.Fatalf("% x: Normalize takes what Inspect does not", wasm)
		}
		return
	}
	_ = facts.Refusals(module.Rules{MaxBytes: 1, MaxBody: 1, MemoryPages: 1, TableElements: 1})
	if facts.Component {
		return
	}
	for _, debug := range []bool{false, true} {
		n := normalize(t, wasm, debug)
		after, err := module.Inspect(n.Wasm)
		if err != nil {
			t.Fatalf("% x: normalized it cannot be read: %v", wasm, err)
		}
		if after.Segments != n.Segments[1] || facts.Segments != n.Segments[0] || len(after.Customs)+len(n.Dropped) != len(facts.Customs) {
			t.Fatalf("% x: %+v became %+v, which is told as %v, %q", wasm, facts, after, n.Segments, n.Dropped)
		}
		if after.Unnamed != "" || after.Debug && !debug {
			t.Fatalf("% x: normalized it is still %+v", wasm, after)
		}
	}
}

// everything is a module with a bit of everything.
func everything() []byte {
	var m mt.Module
	m.Import("env", "f", []mt.Type{mt.I32}, []mt.Type{mt.I64})
	m.ImportGlobal("env", "g", mt.I32, true)
	m.Table(mt.Funcref, mt.Limits{Min: 1, Max: 2, HasMax: true})
	m.Memory(mt.Limits{Min: 1})
	m.Tag(nil)
	m.Global(mt.I32, false, mt.I32Const(5))
	f := m.Func(nil, nil, []mt.Type{mt.I32, mt.I64}, mt.I32Const(1148)+mt.LocalSet(0)+
		mt.Block(mt.Forever(mt.LocalGet(0)+mt.BrIf(1)))+"\x41\x00\x0e\x01\x00\x00"+
		mt.I64Const(-1)+mt.Drop+"\xfd\x0c0123456789abcdef"+mt.Drop+mt.I32Const(0)+mt.I32Load(4)+mt.Drop)
	m.Export("_start", f)
	m.ExportRaw("memory", 2, 0)
	m.Start(f)
	m.Elements(0, f)
	m.ElementsRaw([]byte{5, 0x70, 1, 0xd2, 1, 0x0b})
	m.DataCount(3)
	m.Data(0, []byte("ab"))
	m.Data(4, []byte("c"))
	m.Data(90, []byte("d"))
	m.Custom(mt.CodeSection, "producers", []byte("x"))
	m.Custom(0, ".debug_line", []byte("y"))
	m.Names("f", "_start")
	return m.Bytes()
}

// allocated returns how many bytes a function allocates, whatever else goes on.
func allocated(f func()) int {
	best := 1 << 62
	for range 3 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		f()
		runtime.ReadMemStats(&after)
		best = min(best, int(after.TotalAlloc-before.TotalAlloc))
	}
	return best
}
