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
	"github.com/soltihq/solti-host/plugins/wasm/internal/proctest"
	"github.com/soltihq/solti-host/plugins/wasm/internal/wasi"
	"github.com/soltihq/solti-host/plugins/wasm/internal/wire"
)

// A form is one of the ways in which a module can be run, which must not differ in what can be seen.
type form struct {
	name   string
	source Source
}

// formsOf returns the forms of a module, the plainest one first. SOLTI_LONG=1 also compiles large modules as they are.
func formsOf(t *testing.T, wasm []byte) []form {
	t.Helper()
	n, err := module.Normalize(wasm, false)
	if err != nil {
		t.Fatal(err)
	}
	forms := []form{
		{"interpreted as it is", Source{Wasm: wasm, Engine: wire.EngineInterpreter}},
		{"interpreted, normalized", Source{Wasm: n.Wasm, Engine: wire.EngineInterpreter}},
	}
	if len(wasm) <= 1<<20 || os.Getenv("SOLTI_LONG") != "" {
		forms = append(forms, form{"compiled as it is", Source{Wasm: wasm, Engine: wire.EngineCompiler}})
	}
	whole, shell := sources(t, n.Wasm, false)
	return append(forms, form{"compiled, normalized", whole}, form{"by its shell", shell})
}

// run tells all that can be seen of a guest: what it wrote to each stream, how it ended, and in which functions.
func (f form) run(t *testing.T, args ...string) string {
	t.Helper()
	f.source.TailCall = true
	m := load(t, f.source)
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

// agree checks that all forms of a module do the same.
func agree(t *testing.T, wasm []byte, args ...string) {
	t.Helper()
	forms := formsOf(t, wasm)
	want := forms[0].run(t, args...)
	for _, f := range forms[1:] {
		if got := f.run(t, args...); got != want {
			t.Errorf("%s:\n%.2000s\n%s:\n%.2000s", f.name, got, forms[0].name, want)
		}
	}
}

// Compiled or interpreted, normalized or as it was, whole or by its shell, a guest says and does the same, byte by byte.
func TestFormsAgree(t *testing.T) {
	guests := map[string][]byte{
		"hello": moduletest.Hello("hello\n"), "exit": moduletest.Exit(256, "out", "err"), "exit-0": moduletest.Exit(0, "out", ""),
		"cat": moduletest.Cat(), "arguments": moduletest.Arguments(), "environment": moduletest.Environment(),
		"memory": moduletest.MemoryBomb(), "opens": moduletest.Opens(), "recursion": moduletest.Recursion(),
		"loops": moduletest.CompileBomb(40), "branches": moduletest.BranchBomb(200),
	}
	for _, kind := range moduletest.Traps() {
		guests["trap "+kind] = moduletest.Trap(kind)
	}
	for name, wasm := range guests {
		t.Run(name, func(t *testing.T) { agree(t, wasm, "a", "b c") })
	}
}

// So do programs of real compilers: the examples in the languages whose toolchain is there, which is Go's always,
// and the computation that the gauge measures.
func TestFormsOfProgramsAgree(t *testing.T) {
	if testing.Short() || proctest.Raced {
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
			t.Logf("%d bytes in all forms: %v", len(wasm), time.Since(began))
		})
	}
}
