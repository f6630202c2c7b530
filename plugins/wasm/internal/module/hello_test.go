package module_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero"

	"github.com/soltihq/solti-host/plugins/wasm/internal/module"
	"github.com/soltihq/solti-host/plugins/wasm/internal/proctest"
)

// A module that a user would build: Go's linker makes tens of thousands of data segments.
func TestGoModuleHasFewSegmentsAndDoesTheSame(t *testing.T) {
	wasm := proctest.GoModule(t, "./testdata/hello")
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
		if proctest.Raced && name == "compiler" {
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
		})
	}
}

func isStart(e module.Export) bool {
	return e.Name == "_start" && e.Kind == module.KindFunc && e.Signature == "()"
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
