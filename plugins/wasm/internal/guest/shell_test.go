package guest

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero"

	"github.com/soltihq/solti-host/plugins/wasm/internal/module"
	"github.com/soltihq/solti-host/plugins/wasm/internal/moduletest"
	"github.com/soltihq/solti-host/plugins/wasm/internal/wire"
)

// compiled has the engine compile a module, and returns the path of the native code and its name.
func compiled(t *testing.T, wasm []byte, debug bool) (path, name string) {
	t.Helper()
	dir := t.TempDir()
	cache, err := wazero.NewCompilationCacheWithDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	r := wazero.NewRuntimeWithConfig(t.Context(), Config(wire.EngineCompiler, true, debug).WithCompilationCache(cache))
	defer func() { _ = errors.Join(r.Close(t.Context()), cache.Close(t.Context())) }()
	if _, err := r.CompileModule(t.Context(), wasm); err != nil {
		t.Fatal(err)
	}
	files, _ := filepath.Glob(filepath.Join(dir, "*", "*"))
	if len(files) != 1 {
		t.Fatalf("files %v", files)
	}
	return files[0], strings.TrimPrefix(files[0], dir+"/")
}

// sources compiles a module, and returns it whole and as its shell, both with that native code.
func sources(t *testing.T, wasm []byte, debug bool) (whole, shell Source) {
	t.Helper()
	out, err := module.Shell(wasm)
	if err != nil {
		t.Fatal(err)
	}
	whole = Source{Wasm: wasm, TailCall: true, Debug: debug}
	whole.Native, whole.NativeName = compiled(t, wasm, debug)
	shell = whole
	shell.Wasm, shell.Shell = out, true
	_, shell.NativeName = compiled(t, out, debug)
	return whole, shell
}

// A shell is executed as native code that was made of its module, or not at all: what it does by itself is nothing
// that anybody asked for.
func TestAShellIsRunAsNativeCodeOrNotAtAll(t *testing.T) {
	temporary := t.TempDir()
	t.Setenv("TMPDIR", temporary)
	whole, shell := sources(t, moduletest.Hello("hello"), false)
	if m := load(t, shell); m.Compiled || m.Engine != wire.EngineCompiler {
		t.Errorf("%+v", m)
	} else if status, out := run(t, m, ""); status.End != wire.Exited || out != "hello" {
		t.Errorf("%+v, %q", status, out)
	}
	stale := filepath.Join(t.TempDir(), "stale")
	code, err := os.ReadFile(shell.Native)
	if err != nil {
		t.Fatal(err)
	}
	const version = 7 // where it begins in what the engine keeps
	code[version] ^= 1
	if err := os.WriteFile(stale, code, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*Source){
		"interpreter":                          func(s *Source) { s.Engine = wire.EngineInterpreter },
		"no native code":                       func(s *Source) { s.Native = "" },
		"name of the whole module":             func(s *Source) { s.NativeName = whole.NativeName },
		"name of nothing":                      func(s *Source) { s.NativeName += "0" },
		"name in another directory":            func(s *Source) { s.NativeName = filepath.Join("elsewhere", filepath.Base(s.NativeName)) },
		"native code of another version":       func(s *Source) { s.Native = stale },
		"native code that is gone":             func(s *Source) { s.Native = filepath.Join(temporary, "gone") },
		"another shell":                        func(s *Source) { s.Wasm, _ = module.Shell(moduletest.Cat()) },
		"the module itself, which is no shell": func(s *Source) { s.Wasm = whole.Wasm },
	} {
		for _, engine := range []wire.Engine{wire.EngineAuto, wire.EngineCompiler} {
			s := shell
			s.Engine = engine
			change(&s)
			var refused *ShellError
			if m, err := Load(t.Context(), s); m != nil || !errors.As(err, &refused) || refused.Reason == "" {
				t.Errorf("%s: %v, %v; want a ShellError", name, m, err)
			}
		}
	}
	if left, _ := os.ReadDir(temporary); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// That the engine did not take what there was for the module is noticed, also where it puts its own in that place or
// into another directory.
func TestNativeCodeThatIsNotTakenIsNoticed(t *testing.T) {
	s, _ := sources(t, moduletest.Hello("hello"), false)
	if m := load(t, s); m.Compiled {
		t.Error("compiled although there was native code")
	}
	elsewhere := s
	elsewhere.NativeName = filepath.Join("elsewhere", filepath.Base(s.NativeName))
	code, err := os.ReadFile(s.Native)
	if err != nil {
		t.Fatal(err)
	}
	stale := s
	stale.Native = filepath.Join(t.TempDir(), "stale")
	if err := os.WriteFile(stale.Native, slices.Concat(code[:7], []byte{code[7] ^ 1}, code[8:]), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, s := range map[string]Source{"elsewhere": elsewhere, "stale": stale} {
		if m := load(t, s); !m.Compiled {
			t.Errorf("%s: it says that the native code was taken", name)
		} else if _, out := run(t, m, ""); out != "hello" {
			t.Errorf("%s: %q", name, out)
		}
	}
}

// With debug information a trap names the same functions, files and lines. The engine brings programs that have it.
func TestTrapsByTheShellTellWhereTheyAre(t *testing.T) {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/tetratelabs/wazero").Output()
	if err != nil {
		t.Fatal(err)
	}
	files, _ := filepath.Glob(filepath.Join(string(bytes.TrimSpace(out)), "internal/testing/dwarftestdata/testdata/*/main.wasm"))
	tried := 0
	for _, file := range files {
		wasm, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var frames [2][]wire.Frame
		whole, shell := sources(t, wasm, true)
		for i, s := range []Source{whole, shell} {
			m := load(t, s)
			status, _ := run(t, m, "")
			frames[i] = status.Trap.Frames
			if m.Compiled || status.End != wire.Trapped {
				t.Errorf("%s: %+v", file, status)
			}
		}
		if !slices.Equal(frames[0], frames[1]) || len(frames[0]) == 0 {
			t.Errorf("%s: whole %+v, by its shell %+v", file, frames[0], frames[1])
		}
		if slices.ContainsFunc(frames[1], func(f wire.Frame) bool { return strings.Contains(f.Source, ":") }) {
			tried++
		}
	}
	if tried == 0 {
		t.Errorf("of %v none traps with lines", files)
	}
}
