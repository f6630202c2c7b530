package compile

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/soltihq/solti-host/plugins/wasm/internal/memfile"
	"github.com/soltihq/solti-host/plugins/wasm/internal/proctest"
	"github.com/soltihq/solti-host/plugins/wasm/internal/spawn"
	"github.com/soltihq/solti-host/plugins/wasm/internal/wasi"
)

func newSpawner(t testing.TB) *spawn.Spawner {
	t.Helper()
	s, err := spawn.New(2)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// newCompiler makes a compiler whose children are this test binary. At the end of the test it must have left
// nothing.
func newCompiler(t testing.TB, c Config) *Compiler {
	t.Helper()
	if c.Spawn == nil {
		c.Spawn = newSpawner(t)
	}
	if c.Scratch == "" {
		c.Scratch = filepath.Join(t.TempDir(), "scratch")
	}
	if proctest.Raced {
		c.Limits.Data = 1 << 60
	}
	compiler, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(compiler.Close(), compiler.Close()); err != nil {
			t.Error(err)
		}
		if left, err := os.ReadDir(c.Scratch); err != nil || len(left) != 0 {
			t.Errorf("left in scratch: %v, %v", left, err)
		}
	})
	return compiler
}

// options are what most tests compile with.
func options() Options {
	return Options{
		Normalize: true,
		Rules: Rules{MaxBytes: 64 << 20, MaxBody: 200 << 10, MemoryPages: 4096, TableElements: 1 << 20,
			Imports: map[string]map[string]string{"wasi_snapshot_preview1": wasi.Signatures()}},
	}
}

func fileOf(t testing.TB, wasm []byte) *os.File {
	t.Helper()
	f, err := memfile.Of("wasm", wasm)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

func (c *Compiler) mustCompile(t testing.TB, wasm []byte, o Options) *Result {
	t.Helper()
	r, err := c.Compile(t.Context(), fileOf(t, wasm), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	return r
}

// run loads what was compiled into a fresh process, under a name, and returns what the guest wrote.
func run(t testing.TB, s *spawn.Spawner, derived, native *os.File, name string) string {
	t.Helper()
	out, e := start(t, s, derived, native, name)
	if e.Code != 0 {
		t.Fatalf("load: %s: %s", e, e.Stderr)
	}
	return out
}

// start is run that may fail; it also returns how the process ended.
func start(t testing.TB, s *spawn.Spawner, derived, native *os.File, name string) (string, spawn.Exit) {
	t.Helper()
	out, err := memfile.New("out")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = out.Close() }()
	p, err := s.Start(&spawn.Command{
		Args: []string{"load", name}, Env: []string{"GOMAXPROCS=1", "TMPDIR=" + t.TempDir()}, Files: []*os.File{derived, native, out},
	})
	if err != nil {
		t.Fatal(err)
	}
	select {
	case <-p.Done():
	case <-time.After(proctest.Patience):
		p.Stop(proctest.Patience)
		t.Fatal("the process that loads does not end")
	}
	text := make([]byte, 1<<16)
	n, _ := out.ReadAt(text, 0)
	return string(text[:n]), p.Exit()
}

// length returns how many wait.
func (q *queue) length() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.waiting)
}

// idle returns how many places are free, of both kinds.
func (q *queue) idle() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.free[ordinary] + q.free[quick]
}
