package compile

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/soltihq/solti-host/plugins/wasm/internal/content"
	"github.com/soltihq/solti-host/plugins/wasm/internal/memfile"
	"github.com/soltihq/solti-host/plugins/wasm/internal/moduletest"
	"github.com/soltihq/solti-host/plugins/wasm/internal/proctest"
	"github.com/soltihq/solti-host/plugins/wasm/internal/spawn"
)

func TestAModuleIsCompiledOnceAndRunElsewhere(t *testing.T) {
	s := newSpawner(t)
	c := newCompiler(t, Config{Spawn: s})
	r := c.mustCompile(t, moduletest.Hello("hello, world"), options())
	if !memfile.Sealed(r.Derived) {
		t.Error("the module is not sealed")
	}
	if _, err := r.Derived.WriteAt([]byte{0}, 0); !errors.Is(err, unix.EPERM) {
		t.Errorf("write: %v", err)
	}
	text, err := io.ReadAll(io.NewSectionReader(r.Derived, 0, 1<<20))
	if err != nil || content.Of(text) != r.Digest {
		t.Errorf("digest %s of %d bytes, %v", r.Digest, len(text), err)
	}
	if r.Facts == nil || r.Facts.Functions == 0 || r.Usage.CPU <= 0 || r.Usage.MaxRSS <= 0 || r.Usage.Wall <= 0 {
		t.Errorf("facts %+v, usage %+v", r.Facts, r.Usage)
	}
	if out := run(t, s, r.Derived, r.Native.File, r.Native.Name); out != "hello, world" {
		t.Errorf("the guest wrote %q", out)
	}
}

// The engine takes the code as well when it is given the shell, which has nothing else of what the guest does.
func TestTheShellStandsInForTheModule(t *testing.T) {
	s := newSpawner(t)
	c := newCompiler(t, Config{Spawn: s})
	o := options()
	for _, o.TailCall = range []bool{false, true} {
		r := c.mustCompile(t, moduletest.Hello("hello, world"), o)
		if !memfile.Sealed(r.Shell.File) || r.Shell.Name == r.Native.Name || sizeOf(t, r.Shell.File) >= sizeOf(t, r.Derived) {
			t.Errorf("the shell %+v with %d bytes, the module with %d", r.Shell, sizeOf(t, r.Shell.File), sizeOf(t, r.Derived))
		}
		if out := run(t, s, r.Shell.File, r.Native.File, r.Shell.Name); out != "hello, world" {
			t.Errorf("the guest wrote %q", out)
		}
		if _, e := start(t, s, r.Shell.File, r.Native.File, r.Native.Name); e.Code == 0 || !strings.Contains(e.Stderr, "compiled again") {
			t.Errorf("under the module's name the shell found the code: %s: %s", e, e.Stderr)
		}
		if r2 := c.mustCompile(t, moduletest.Hello("hello, world"), o); content.Of(bytesOf(t, r2.Shell.File)) != content.Of(bytesOf(t, r.Shell.File)) {
			t.Error("the same module got another shell")
		}
	}
}

func bytesOf(t *testing.T, f *os.File) []byte {
	t.Helper()
	text, err := io.ReadAll(io.NewSectionReader(f, 0, 1<<30))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// Should there be no shell, the module is compiled all the same.
func TestAModuleWithoutAShell(t *testing.T) {
	s := newSpawner(t)
	c := newCompiler(t, Config{Spawn: s, Args: []string{"shellless"}})
	r := c.mustCompile(t, moduletest.Hello("hello, world"), options())
	if r.Shell.File != nil {
		t.Errorf("the shell is %+v", r.Shell)
	}
	if out := run(t, s, r.Derived, r.Native.File, r.Native.Name); out != "hello, world" {
		t.Errorf("the guest wrote %q", out)
	}
}

func TestNormalisingIsAnOption(t *testing.T) {
	c := newCompiler(t, Config{})
	m := withCustom(moduletest.Hello("x"), ".debug_info", "custom")
	o := options()
	o.CheckOnly = true
	r := c.mustCompile(t, m, o)
	if !r.Changed || len(r.Dropped) != 2 || r.Native.File != nil || r.Shell.File != nil {
		t.Errorf("%+v", r)
	}
	o.Debug = true
	if r := c.mustCompile(t, m, o); !r.Changed || len(r.Dropped) != 1 {
		t.Errorf("debug: %+v", r)
	}
	o.Normalize = false
	if r := c.mustCompile(t, m, o); r.Changed || r.Digest != content.Of(m) {
		t.Errorf("off: %+v", r)
	}
}

// withCustom appends custom sections.
func withCustom(wasm []byte, names ...string) []byte {
	out := bytes.Clone(wasm)
	for _, name := range names {
		body := append([]byte{byte(len(name))}, name...)
		out = append(append(out, 0, byte(len(body))), body...)
	}
	return out
}

func TestModulesAreRefusedWithTheirReasons(t *testing.T) {
	c := newCompiler(t, Config{})
	invalid := moduletest.Module{}
	invalid.Export("_start", invalid.Func(nil, nil, nil, moduletest.Drop))
	emscripten := moduletest.Module{}
	emscripten.Import("env", "emscripten_memcpy", nil, nil)
	for name, m := range map[string]struct {
		wasm []byte
		want string
	}{
		"empty":          {nil, "is not a WebAssembly module: it is empty"},
		"text":           {[]byte("(module)"), "is not a WebAssembly module: it is WebAssembly text"},
		"cut":            {moduletest.Hello("x")[:40], "cannot be read, as if it were damaged or cut off"},
		"component":      {[]byte("\x00asm\x0d\x00\x01\x00"), "component"},
		"unknown import": {emscripten.Bytes(), "emscripten_memcpy"},
		"not valid":      {invalid.Bytes(), "is not valid"},
	} {
		_, err := c.Compile(t.Context(), fileOf(t, m.wasm), options())
		refused := (*RefusedError)(nil)
		if !errors.As(err, &refused) || !strings.Contains(err.Error(), m.want) {
			t.Errorf("%s: %v, want a refusal with %q", name, err, m.want)
		}
	}
	o := options()
	o.Rules.MaxBytes, o.Rules.Entry = 10, "main"
	_, err := c.Compile(t.Context(), fileOf(t, moduletest.Hello("x")), o)
	if refused := (*RefusedError)(nil); !errors.As(err, &refused) || len(refused.Reasons) != 2 {
		t.Errorf("not all reasons at once: %v", err)
	}
}

func TestAChildThatFailsIsACrashOfItsOwn(t *testing.T) {
	for mode, want := range map[string]string{
		"crash": "exit status 2: panic: the compiler broke", "fatal": "concurrent map", "silent": "its report cannot be read",
		"babble": "its report cannot be read", "huge": "its report cannot be read", "litter": "exactly one file",
		"elsewhere": "exactly one file", "nameless": "exactly one file", "tamper": "everything was sealed",
	} {
		t.Run(mode, func(t *testing.T) {
			if proctest.Raced && mode == "fatal" {
				t.Skip("the race detector is there first")
			}
			c := newCompiler(t, Config{Args: []string{mode}})
			_, err := c.Compile(t.Context(), fileOf(t, moduletest.Hello("x")), options())
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("error %v, want %q", err, want)
			}
			if crash := (*CrashError)(nil); want != "exactly one file" && !errors.As(err, &crash) {
				t.Errorf("%v is no crash", err)
			}
		})
	}
	c := newCompiler(t, Config{Self: "/does/not/exist"})
	if _, err := c.Compile(t.Context(), fileOf(t, nil), options()); !errors.Is(err, unix.ENOENT) {
		t.Errorf("no binary: %v", err)
	}
}

func TestWhatAKilledParentLeftIsRemoved(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "scratch")
	if err := os.MkdirAll(filepath.Join(dir, ".scratch-old", "wazero"), 0o700); err != nil {
		t.Fatal(err)
	}
	newCompiler(t, Config{Scratch: dir})
	if left, _ := os.ReadDir(dir); len(left) != 0 {
		t.Errorf("left %v", left)
	}
}

func TestBuildIsTheSameForTheSameBinary(t *testing.T) {
	a, err := Build(spawn.Self)
	if err != nil {
		t.Fatal(err)
	}
	b, err := Build(spawn.Self)
	if err != nil || a != b {
		t.Errorf("%v, then %v, %v", a, b, err)
	}
	if a.Build == "" || a.Arch == "" || a.CPU == "" || a.Wazero == "" {
		t.Errorf("%+v", a)
	}
	if one, two := options().Recipe(), (Options{}).Recipe(); one == two || options().Flags() != (Options{}).Flags() {
		t.Errorf("recipes %q, %q", one, two)
	}
}
