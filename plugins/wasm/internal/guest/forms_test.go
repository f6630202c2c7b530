package guest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/soltihq/solti-host/plugins/wasm/internal/fsys"
	"github.com/soltihq/solti-host/plugins/wasm/internal/memfile"
	"github.com/soltihq/solti-host/plugins/wasm/internal/module"
	"github.com/soltihq/solti-host/plugins/wasm/internal/moduletest"
	"github.com/soltihq/solti-host/plugins/wasm/internal/wasi"
	"github.com/soltihq/solti-host/plugins/wasm/internal/wire"
)

// A form is one of the ways in which a module can be run, which must not differ in what can be seen.
type form struct {
	engine     wire.Engine
	normalized bool
}

func (f form) String() string { return fmt.Sprintf("engine %v, normalized %t", f.engine, f.normalized) }

// forms are the others than the plainest one: interpreted as it is.
var forms = []form{{wire.EngineInterpreter, true}, {wire.EngineCompiler, false}, {wire.EngineCompiler, true}}

// run tells all that can be seen of a guest: what it wrote to each stream, how it ended, and in which functions.
func (f form) run(t *testing.T, wasm []byte, args ...string) string {
	t.Helper()
	if f.normalized {
		n, err := module.Normalize(wasm, false)
		if err != nil {
			t.Fatal(err)
		}
		wasm = n.Wasm
	}
	m := load(t, Source{Wasm: wasm, Engine: f.engine, TailCall: true})
	defer func() { _ = m.runtime.Close(t.Context()) }()
	tree, err := fsys.New(nil, fsys.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer tree.Close()
	out := map[int][]byte{}
	s := m.Run("", wasi.Options{
		Args: append([]string{"guest"}, args...), Env: []string{"GREETING=good day"}, Stdin: stdin(t), Tree: tree,
		Clock: wasi.ClockNone, Seed: new([32]byte),
		Output: func(stream int, p []byte) error { out[stream] = append(out[stream], p...); return nil },
	})
	if s.Trap.Kind == wire.TrapStack {
		s.Trap.Frames = nil // compiled code tells none
	}
	return fmt.Sprintf("end %v %d %q, trap %v %q %q\nstdout %q\nstderr %q", s.End, s.Code, s.Reason, s.Trap.Kind, s.Trap.Message, s.Trap.Frames, out[1], out[2])
}

// stdin is a descriptor with something to read, which the guest's end closes.
func stdin(t *testing.T) int {
	t.Helper()
	file, err := memfile.Of("stdin", []byte("one\ntwo\n"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	fd, err := unix.Dup(int(file.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	return fd
}

// agree checks that all forms of a module do the same. SOLTI_LONG=1 also compiles large modules as they are.
func agree(t *testing.T, wasm []byte, args ...string) {
	t.Helper()
	want := form{wire.EngineInterpreter, false}.run(t, wasm, args...)
	for _, f := range forms {
		if len(wasm) > 1<<20 && f.engine == wire.EngineCompiler && !f.normalized && os.Getenv("SOLTI_LONG") == "" {
			continue
		}
		if got := f.run(t, wasm, args...); got != want {
			t.Errorf("%v:\n%.2000s\ninterpreted as it is:\n%.2000s", f, got, want)
		}
	}
}

// Compiled or interpreted, normalized or as it was, a guest says and does the same, byte by byte.
func TestFormsAgree(t *testing.T) {
	guests := map[string][]byte{
		"hello": moduletest.Hello("hello\n"), "exit": moduletest.Exit(256, "out", "err"), "exit-0": moduletest.Exit(0, "out", ""),
		"cat": moduletest.Cat(), "arguments": moduletest.Arguments(), "environment": moduletest.Environment(),
		"memory": moduletest.MemoryBomb(), "opens": moduletest.Opens(), "recursion": moduletest.Recursion(),
		"loops": moduletest.CompileBomb(40), "branches": moduletest.BranchBomb(200),
	}
	for _, kind := range moduletest.Traps() {
		if kind != "unaligned_atomic" { // needs threads, which are refused
			guests["trap "+kind] = moduletest.Trap(kind)
		}
	}
	for name, wasm := range guests {
		t.Run(name, func(t *testing.T) { agree(t, wasm, "a", "b c") })
	}
}

// So do programs of real compilers: the examples in the languages whose toolchain is there, which is Go's always,
// and the computation that the gauge measures.
func TestFormsOfProgramsAgree(t *testing.T) {
	if testing.Short() || raced {
		t.Skip("needs a Go toolchain; the race detector takes minutes to compile what that makes")
	}
	dir := t.TempDir()
	build := func(name string, args ...string) {
		cmd := exec.CommandContext(t.Context(), name, args...)
		cmd.Dir = filepath.Join("..", "..", "..", "..")
		cmd.Env = append(os.Environ(), "GOFLAGS=")
		if name == "go" {
			cmd.Env = append(cmd.Env, "GOOS=wasip1", "GOARCH=wasm", "CGO_ENABLED=0")
		}
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", cmd, err, out)
		}
	}
	build("examples/wasm/build.sh", dir)
	build("go", "build", "-o", filepath.Join(dir, "kernel.wasm"), "./plugins/wasm/internal/gauge/guest")
	files, err := filepath.Glob(filepath.Join(dir, "*.wasm"))
	if err != nil || len(files) < 2 {
		t.Fatalf("built %v, %v", files, err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			began := time.Now()
			wasm, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			agree(t, wasm, "1")
			t.Logf("%d bytes in four forms: %v", len(wasm), time.Since(began))
		})
	}
}
