package compile

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/soltihq/solti-host/plugins/wasm/internal/cache"
	"github.com/soltihq/solti-host/plugins/wasm/internal/memfile"
	"github.com/soltihq/solti-host/plugins/wasm/internal/moduletest"
	"github.com/soltihq/solti-host/plugins/wasm/internal/proctest"
	"github.com/soltihq/solti-host/plugins/wasm/internal/spawn"
)

func openCache(t *testing.T, dir string) *cache.Cache {
	t.Helper()
	c, err := cache.Open(dir, [32]byte{1}, cache.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// keyFor is the key under which the runner keeps what was compiled.
func keyFor(t *testing.T, r *Result, o Options) cache.Key {
	t.Helper()
	k, err := Build(spawn.Self)
	if err != nil {
		t.Fatal(err)
	}
	k.Module, k.Flags = r.Digest, o.Flags()
	return k
}

// A fresh process that is given the code compiles nothing: the engine finds what it looks for, and adds nothing to
// it. How much less time that takes is a ratio, which go run ./bench wasm tells.
func TestCodeFromTheCacheIsNotCompiledAgain(t *testing.T) {
	if testing.Short() || proctest.Raced {
		t.Skip("needs a Go toolchain; the race detector takes minutes to compile what that makes")
	}
	s := newSpawner(t)
	c := newCompiler(t, Config{Spawn: s})
	dir := filepath.Join(t.TempDir(), "cache")
	first := openCache(t, dir)
	r := c.mustCompile(t, proctest.GoModule(t, "./testdata/hello"), options())
	k := keyFor(t, r, options())
	put, err := first.Put(k, r.Native, r.Shell)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = put.Close(), first.Close()

	again := openCache(t, dir)
	entry, err := again.Get(k)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = entry.Close() }()
	if _, err := entry.File().WriteAt([]byte{0}, 0); !errors.Is(err, unix.EPERM) {
		t.Errorf("write to the code: %v", err)
	}
	shell := entry.Shell()
	if out := run(t, s, r.Derived, entry.File(), entry.Name()); out != "hello from Go\n" {
		t.Errorf("the guest wrote %q", out)
	}
	if out := run(t, s, shell.File, entry.File(), shell.Name); out != "hello from Go\n" {
		t.Errorf("by its shell the guest wrote %q", out)
	}
	if stats := again.Stats(); stats.Hits != 1 || stats.Misses != 0 {
		t.Errorf("the cache says %+v", stats)
	}
	// Under another name the engine does not find it. That is noticed.
	if _, e := start(t, s, r.Derived, entry.File(), entry.Name()+"0"); e.Code == 0 || !strings.Contains(e.Stderr, "compiled again") {
		t.Errorf("without its code: %s: %s", e, e.Stderr)
	}
}

func sizeOf(t *testing.T, f *os.File) int64 {
	t.Helper()
	st, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	return st.Size()
}

// Code that was tampered with is never executed: the module is compiled again and does what it did.
func TestTamperedCodeIsCompiledAgain(t *testing.T) {
	s := newSpawner(t)
	c := newCompiler(t, Config{Spawn: s})
	for name, tamper := range map[string]func(a, b []byte) []byte{
		"bit flip in the code":  func(a, _ []byte) []byte { a[len(a)/2] ^= 0x10; return a },
		"bit flip in the shell": func(a, _ []byte) []byte { a[len(a)-40] ^= 0x10; return a },
		"cut":                   func(a, _ []byte) []byte { return a[:len(a)/2] },
		"swap":                  func(_, b []byte) []byte { return b },
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "cache")
			first := openCache(t, dir)
			fileOfEntry := func(text string) (*Result, cache.Key, string) {
				r := c.mustCompile(t, moduletest.Hello(text), options())
				k := keyFor(t, r, options())
				before := ls(t, dir)
				e, err := first.Put(k, r.Native, r.Shell)
				if err != nil {
					t.Fatal(err)
				}
				_ = e.Close()
				added := slices.DeleteFunc(ls(t, dir), func(n string) bool { return slices.Contains(before, n) })
				return r, k, filepath.Join(dir, added[0])
			}
			r, k, a := fileOfEntry("right")
			_, _, b := fileOfEntry("wrong")
			dataA, errA := os.ReadFile(a)
			dataB, errB := os.ReadFile(b)
			if err := errors.Join(errA, errB, os.Remove(a), os.WriteFile(a, tamper(dataA, dataB), 0o400)); err != nil {
				t.Fatal(err)
			}
			second := openCache(t, dir)
			if _, err := second.Get(k); !errors.Is(err, cache.ErrMiss) || second.Stats().Corrupt != 1 {
				t.Fatalf("%v, %+v", err, second.Stats())
			}
			r2 := c.mustCompile(t, moduletest.Hello("right"), options())
			if r2.Digest != r.Digest || keyFor(t, r2, options()) != k {
				t.Errorf("another key for the same module")
			}
			e, err := second.Put(k, r2.Native, r2.Shell)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = e.Close() }()
			if out := run(t, s, e.Shell().File, e.File(), e.Shell().Name); out != "right" {
				t.Errorf("the guest wrote %q", out)
			}
		})
	}
}

func ls(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), ".") {
			names = append(names, e.Name())
		}
	}
	return names
}

// Why the cache is not left to wazero: what the engine finds it executes, guarded by a checksum only.
func TestTheEngineAloneWouldNotNotice(t *testing.T) {
	s := newSpawner(t)
	c := newCompiler(t, Config{Spawn: s})
	right := c.mustCompile(t, moduletest.Exit(1, "x", ""), options())
	other := c.mustCompile(t, moduletest.Exit(2, "x", ""), options())
	// The name says right, the code is another module's.
	text := make([]byte, sizeOf(t, other.Native.File))
	if _, err := other.Native.File.ReadAt(text, 0); err != nil {
		t.Fatal(err)
	}
	swapped, err := memfile.Of("native", text)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = swapped.Close() }()
	if out := run(t, s, right.Derived, swapped, right.Native.Name); !strings.Contains(out, "exit_code(2)") {
		t.Errorf("the guest wrote %q, want it to end as the other one does", out)
	}
}

func BenchmarkCompileHello(b *testing.B) {
	c := newCompiler(b, Config{})
	file := fileOf(b, moduletest.Hello("hello"))
	for b.Loop() {
		r, err := c.Compile(b.Context(), file, options())
		if err != nil {
			b.Fatal(err)
		}
		_ = r.Close()
	}
}
