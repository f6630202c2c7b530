package guest

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero"

	"github.com/soltihq/solti-host/plugins/wasm/internal/fsys"
	"github.com/soltihq/solti-host/plugins/wasm/internal/moduletest"
	"github.com/soltihq/solti-host/plugins/wasm/internal/wasi"
	"github.com/soltihq/solti-host/plugins/wasm/internal/wire"
)

func load(t *testing.T, s Source) *Module {
	t.Helper()
	if s.Pages == 0 {
		s.Pages = 1024
	}
	m, err := Load(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.runtime.Close(t.Context()) })
	return m
}

// run runs a guest without anything but output.
func run(t *testing.T, m *Module, entry string) (wire.Status, string) {
	t.Helper()
	tree, err := fsys.New(nil, fsys.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	status := m.Run(entry, wasi.Options{Stdin: -1, Tree: tree, Output: func(_ int, p []byte) error {
		out.Write(p)
		return nil
	}})
	return status, out.String()
}

// Both engines say the same.
func TestEngines(t *testing.T) {
	for _, engine := range []wire.Engine{wire.EngineCompiler, wire.EngineInterpreter} {
		m := load(t, Source{Wasm: moduletest.Exit(7, "out", ""), Engine: engine})
		if m.Engine != engine {
			t.Errorf("engine %v, want %v", m.Engine, engine)
		}
		if status, out := run(t, m, ""); status.End != wire.Exited || status.Code != 7 || out != "out" {
			t.Errorf("%v: %+v, %q", engine, status, out)
		}
		m = load(t, Source{Wasm: moduletest.Trap("div_zero"), Engine: engine})
		status, _ := run(t, m, "")
		if status.Trap.Kind != wire.TrapDivision || status.Trap.Message != "integer divide by zero" || len(status.Trap.Frames) != 2 {
			t.Errorf("%v: %+v", engine, status)
		}
	}
}

// The engine takes native code that is for another module, or broken, as absent or as an error, and says so.
func TestNativeCodeIsFoundByItsName(t *testing.T) {
	wasm := moduletest.Hello("hello")
	dir := t.TempDir()
	cache, err := wazero.NewCompilationCacheWithDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	r := wazero.NewRuntimeWithConfig(t.Context(), Config(wire.EngineCompiler, false, false).WithCompilationCache(cache))
	if _, err := r.CompileModule(t.Context(), wasm); err != nil {
		t.Fatal(err)
	}
	files, _ := filepath.Glob(filepath.Join(dir, "*", "*"))
	if len(files) != 1 {
		t.Fatalf("files %v", files)
	}
	name := strings.TrimPrefix(files[0], dir+"/")
	temporary := t.TempDir()
	t.Setenv("TMPDIR", temporary)

	s := Source{Wasm: wasm, Native: files[0], NativeName: name}
	if m := load(t, s); m.Compiled {
		t.Error("compiled although there was native code")
	}
	s.NativeName = filepath.Join(filepath.Dir(name), "other")
	if m := load(t, s); !m.Compiled {
		t.Error("found native code of another name")
	}
	for _, bad := range []string{"../" + name, "/" + name, ""} {
		s.NativeName = bad
		if _, err := Load(t.Context(), s); err == nil {
			t.Errorf("name %q was taken", bad)
		}
	}
	broken := filepath.Join(t.TempDir(), "broken")
	if err := os.WriteFile(broken, []byte("WAZEVO"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.Native, s.NativeName = broken, name
	if _, err := Load(t.Context(), s); err == nil {
		t.Error("broken native code was taken")
	}
	if left, _ := os.ReadDir(temporary); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestMemoryOfTheNextGuestIsZero(t *testing.T) {
	a := newAllocator(Source{Pages: 4})
	for range 3 {
		m := a.Allocate(0, 1<<32)
		b := m.Reallocate(pageSize)
		for _, v := range b {
			if v != 0 {
				t.Fatal("memory is not zero")
			}
		}
		grown := m.Reallocate(4 * pageSize)
		if &grown[0] != &b[0] || len(grown) != 4*pageSize {
			t.Fatal("memory has moved")
		}
		for i := range grown {
			grown[i] = 0xaa
		}
		if m.Reallocate(5*pageSize) != nil {
			t.Fatal("memory beyond the ceiling")
		}
		m.Free()
		m.Free()
	}
	if a.peak.Load() != 4 || a.growths.Load() != 3 {
		t.Errorf("peak %d, %d growths", a.peak.Load(), a.growths.Load())
	}
	a.drop()
}

func TestMemoryThatBeginsEmptyMayGrow(t *testing.T) {
	a := newAllocator(Source{Pages: 1})
	m := a.Allocate(0, 1<<20)
	if b := m.Reallocate(0); b == nil || len(b) != 0 {
		t.Error("no empty memory")
	}
	if m.Reallocate(2*pageSize) != nil {
		t.Error("memory beyond the ceiling")
	}
	if len(m.Reallocate(pageSize)) != pageSize {
		t.Error("no memory")
	}
	a.drop()
}

func TestFramesAreRead(t *testing.T) {
	text := "module[x] function[_start] failed: wasm error: unreachable\nwasm stack trace:\n" +
		"\tx.core::fmt::write(a)(i32,i64) i32\n" +
		"\t\t0x12af: /src/fmt.rs:10:3\n" +
		"\t\t0x12af: /src/lib.rs:4:1 (inlined)\n" +
		"\tx.$12()\n" +
		"\twasi_snapshot_preview1.fd_write(i32,i32,i32,i32) i32\n" +
		"\t... maybe followed by omitted frames\n\nGo runtime stack trace:\ngoroutine 1 [running]:\n"
	trap := trapOf(errors.New(text), "x")
	want := []wire.Frame{
		{Function: "core::fmt::write(a)", Source: "/src/fmt.rs:10:3"}, {Function: "$12"},
		{Function: "wasi_snapshot_preview1.fd_write"},
	}
	if len(trap.Frames) != len(want) {
		t.Fatalf("frames %v, want %v", trap.Frames, want)
	}
	for i, f := range trap.Frames {
		if f != want[i] {
			t.Errorf("frame %v, want %v", f, want[i])
		}
	}
	if strings.Contains(trap.Message, "goroutine") {
		t.Errorf("message %q", trap.Message)
	}
}

func TestOutputThatGoesNowhereEndsTheGuest(t *testing.T) {
	m := load(t, Source{Wasm: moduletest.OutputFlood()})
	tree, err := fsys.New(nil, fsys.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if _, ok := recover().(*wasi.OutputError); !ok {
			t.Error("no *wasi.OutputError")
		}
	}()
	m.Run("", wasi.Options{Stdin: -1, Tree: tree, Output: func(int, []byte) error { return errors.New("gone") }})
}
