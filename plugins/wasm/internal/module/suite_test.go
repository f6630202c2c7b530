package module_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/tetratelabs/wazero"

	"github.com/soltihq/solti-host/plugins/wasm/internal/module"
)

// The engine comes with the specification's own tests, thousands of modules of which most are there for one
// strange thing in them, and with programs of many compilers. What the engine takes, Inspect takes; and what
// Normalize and Shell make of it, the engine takes as well. SOLTI_LONG=1 tries every one of them, else it is one in
// seven.
func TestWhatTheEngineTakesIsTaken(t *testing.T) {
	step := 7
	if os.Getenv("SOLTI_LONG") != "" {
		step = 1
	}
	files := modulesBelow(t, engineDir(t))
	if len(files) < 1000 {
		t.Fatalf("only %d modules found", len(files))
	}
	r := newRuntime(t, wazero.NewRuntimeConfigInterpreter())
	takes := func(wasm []byte) bool {
		compiled, err := r.CompileModule(t.Context(), wasm)
		if err == nil {
			_ = compiled.Close(t.Context())
		}
		return err == nil
	}
	taken := 0
	for i := 0; i < len(files); i += step {
		wasm := read(t, files[i])
		facts, err := module.Inspect(wasm)
		if !takes(wasm) {
			continue
		}
		taken++
		if err != nil {
			t.Errorf("%s: %v", filepath.Base(files[i]), err)
			continue
		}
		n, err := module.Normalize(wasm, false)
		if err != nil || n.Segments[0] != facts.Segments || n.Changed && !takes(n.Wasm) {
			t.Errorf("%s: normalized wrongly: %v", filepath.Base(files[i]), err)
		}
		if !takes(shell(t, wasm)) {
			t.Errorf("%s: the engine does not take its shell", filepath.Base(files[i]))
		}
	}
	t.Logf("of %d modules the engine takes %d", len(files)/step, taken)
}
