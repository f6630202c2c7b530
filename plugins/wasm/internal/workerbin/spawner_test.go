package workerbin

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/go-hclog"
	"go.uber.org/goleak"

	"github.com/soltihq/solti-host/plugins/wasm/internal/compile"
	"github.com/soltihq/solti-host/plugins/wasm/internal/memfile"
	"github.com/soltihq/solti-host/plugins/wasm/internal/moduletest"
	"github.com/soltihq/solti-host/plugins/wasm/internal/pool"
	"github.com/soltihq/solti-host/plugins/wasm/internal/spawn"
	"github.com/soltihq/solti-host/plugins/wasm/internal/wasi"
	"github.com/soltihq/solti-host/plugins/wasm/internal/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// built returns the binary as a release has it.
func built(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "worker")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", path, "./cmd")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// An image is what a compiler made, for a worker.
type image struct{ load wire.Load }

func (i image) Key() string                      { return "image" }
func (i image) Load() (wire.Load, func(), error) { return i.load, func() {}, nil }

// text collects what a guest writes.
type text struct{ strings.Builder }

func (t *text) Output(_ wire.Stream, p []byte) { t.Write(p) }
func (t *text) Gap(wire.Stream, int64)         {}

func TestBinaryCompilesAndRunsFromMemory(t *testing.T) {
	s, err := Of(built(t), 2)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	p := pool.New(s, pool.Options{})
	defer p.Close()
	w, err := p.Take(t.Context(), image{compiled(t, s)}, "")
	if err != nil {
		t.Fatal(err)
	}
	if link, _ := os.Readlink(exe(w.PID())); !strings.HasPrefix(link, "/memfd:solti-wasm-worker") {
		t.Errorf("the worker runs %q", link)
	}
	if name, _ := os.ReadFile(filepath.Join(filepath.Dir(exe(w.PID())), "comm")); !strings.HasPrefix(string(name), "solti-wasm") {
		t.Errorf("the worker is called %q", name)
	}
	var out text
	status, _, err := w.Run(wire.Job{Args: []string{"hello"}, Last: true}, &out, wire.Limit{})
	if err != nil || status.Code != 0 || out.String() != "hello\n" {
		t.Errorf("status %+v, %v, output %q", status, err, &out)
	}
	if w.Ready.Compiled || w.Ready.Whole != "" {
		t.Errorf("the module was compiled again or loaded whole: %+v", w.Ready)
	}
}

// compiled has a child compile a module.
func compiled(t *testing.T, s *spawn.Spawner) wire.Load {
	t.Helper()
	c, err := compile.New(compile.Config{Spawn: s, Scratch: filepath.Join(t.TempDir(), "scratch")})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	wasm, err := memfile.Of("wasm", moduletest.Hello("hello\n"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = wasm.Close() }()
	r, err := c.Compile(t.Context(), wasm, compile.Options{Rules: compile.Rules{
		MaxBytes: 1 << 20, MaxBody: 1 << 20, MemoryPages: 100, TableElements: 100,
		Imports: map[string]map[string]string{wasi.ModuleName: wasi.Signatures()},
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	return wire.Load{
		Module: r.Derived, Native: r.Native.File, NativeName: r.Native.Name, Shell: r.Shell.File, ShellName: r.Shell.Name, Pages: 100,
	}
}

func exe(pid int) string { return fmt.Sprintf("/proc/%d/exe", pid) }

// What native code depends on is the binary that runs it.
func TestBuildIsThatOfTheBinaryInMemory(t *testing.T) {
	s, err := Of(built(t), 1)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	here, err := compile.Build(spawn.Self)
	if err != nil {
		t.Fatal(err)
	}
	there, err := compile.Build(s.Path())
	if err != nil {
		t.Fatal(err)
	}
	if here.Build == there.Build || here.CPU != there.CPU || here.Arch != there.Arch {
		t.Errorf("keys %+v and %+v, want them to differ in the build", here, there)
	}
}

func TestBinaryThatDoesNotRunIsNotUsed(t *testing.T) {
	for name, binary := range map[string]string{
		"foreign": "\x7fELF of another machine",
		"script":  "#!/bin/false\n",
		"broken":  built(t)[:100<<10],
	} {
		if s, err := Of(binary, 1); err == nil {
			t.Errorf("%s: no error", name)
			_ = s.Close()
		} else {
			t.Log(err)
		}
	}
}

// A build that has nothing inside starts what it is itself.
func TestPlainBuildStartsItself(t *testing.T) {
	if worker != "" {
		t.Skip("built with a worker inside")
	}
	s, err := NewSpawner(1, hclog.NewNullLogger())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	if s.Path() != spawn.Self {
		t.Errorf("children are started from %s", s.Path())
	}
}
