package module_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tetratelabs/wazero"
	"golang.org/x/sys/unix"

	"github.com/soltihq/solti-host/plugins/wasm/internal/module"
)

const hello = `package main

import (
	"fmt"
	"os"
	"sort"
)

func main() {
	fmt.Println("hello from", os.Args)
	words := map[string]int{"a": 1, "b": 2, "c": 3}
	keys := make([]string, 0, len(words))
	for k := range words {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	fmt.Fprintf(os.Stderr, "%v %q %x\n", keys, os.Getenv("NAME"), 3.5)
	if len(os.Args) > 2 {
		panic(os.Args[2])
	}
	os.Exit(len(os.Args) + 6)
}
`

// A module that a user would build: Go's linker makes tens of thousands of data segments.
func TestGoModuleStartsSoonerAndDoesTheSame(t *testing.T) {
	wasm := buildGo(t, hello)
	n := normalize(t, wasm, false)
	t.Logf("%d bytes became %d, %d segments %d; dropped %q", len(wasm), len(n.Wasm), n.Segments[0], n.Segments[1], n.Dropped)
	if n.Segments[0] < 10_000 || n.Segments[1] > 64 {
		t.Errorf("%d segments became %d", n.Segments[0], n.Segments[1])
	}
	facts, err := module.Inspect(n.Wasm)
	if err != nil || !facts.Names || facts.Debug || !slices.ContainsFunc(facts.Exports, isStart) {
		t.Errorf("what became of it: %v, %+v", err, facts)
	}
	for name, config := range engines {
		if raced && name == "compiler" {
			continue // it takes minutes to compile
		}
		t.Run(name, func(t *testing.T) {
			r := newRuntime(t, config())
			before, after := compile(t, r, wasm), compile(t, r, n.Wasm)
			for _, args := range [][]string{{"hello"}, {"hello", "x"}, {"hello", "x", "panics"}} {
				want, got := runMain(t, r, before, args), runMain(t, r, after, args)
				if want != got || !strings.HasPrefix(want, "hello from ["+strings.Join(args, " ")) {
					t.Errorf("%q: before\n%s\nafter\n%s", args, want, got)
				}
			}
			slower, faster := instantiation(t, r, before), instantiation(t, r, after)
			t.Logf("instantiating takes %v instead of %v", faster, slower)
			if faster > slower {
				t.Errorf("instantiating takes %v, and took %v before", faster, slower)
			}
		})
	}
}

func isStart(e module.Export) bool {
	return e.Name == "_start" && e.Kind == module.KindFunc && e.Signature == "()"
}

func buildGo(t testing.TB, source string) []byte {
	t.Helper()
	dir := t.TempDir()
	file, out := filepath.Join(dir, "main.go"), filepath.Join(dir, "main.wasm")
	if err := os.WriteFile(file, []byte(source), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("go", "build", "-o", out, file)
	cmd.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "CGO_ENABLED=0", "GOFLAGS=")
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, text)
	}
	return read(t, out)
}

func compile(t testing.TB, r wazero.Runtime, wasm []byte) wazero.CompiledModule {
	t.Helper()
	compiled, err := r.CompileModule(t.Context(), wasm)
	if err != nil {
		t.Fatal(err)
	}
	return compiled
}

// runMain runs a command and tells what it wrote and how it ended.
func runMain(t testing.TB, r wazero.Runtime, compiled wazero.CompiledModule, args []string) string {
	var stdout, stderr bytes.Buffer
	config := wazero.NewModuleConfig().WithName("").WithArgs(args...).WithEnv("NAME", "value").
		WithStdout(&stdout).WithStderr(&stderr)
	guest, err := r.InstantiateModule(t.Context(), compiled, config)
	if err == nil {
		_ = guest.Close(t.Context())
	}
	return stdout.String() + stderr.String() + "ended with " + message(err)
}

func message(err error) string {
	if err == nil {
		return "nothing"
	}
	return err.Error()
}

// instantiation returns the least processor time that it took to make an instance, in several tries.
func instantiation(t testing.TB, r wazero.Runtime, compiled wazero.CompiledModule) time.Duration {
	t.Helper()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	best := time.Hour
	for range 7 {
		began := threadTime(t)
		guest, err := r.InstantiateModule(t.Context(), compiled, wazero.NewModuleConfig().WithName("").WithStartFunctions())
		best = min(best, threadTime(t)-began)
		if err != nil {
			t.Fatal(err)
		}
		_ = guest.Close(t.Context())
	}
	return best
}

// threadTime returns the processor time that the calling thread has used.
func threadTime(t testing.TB) time.Duration {
	t.Helper()
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &ts); err != nil {
		t.Fatal(err)
	}
	return time.Duration(ts.Nano())
}
