package module_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero"

	"github.com/soltihq/solti-host/plugins/wasm/internal/module"
)

// The engine brings small programs with debug information that trap. With keepDebug their traps name files and
// lines as before; without, they name functions still.
func TestTrapsTellWhereTheyAre(t *testing.T) {
	tried := 0
	for _, file := range modulesBelow(t, filepath.Join(engineDir(t), "internal/testing/dwarftestdata")) {
		wasm := read(t, file)
		r := newRuntime(t, wazero.NewRuntimeConfigInterpreter())
		trap := func(wasm []byte) string { return runMain(t, r, compile(t, r, wasm), []string{"main"}) }
		want := trap(wasm)
		if !strings.Contains(want, ".go:") && !strings.Contains(want, ".zig:") && !strings.Contains(want, ".c:") {
			continue // of some, the engine itself cannot read the lines
		}
		tried++
		with, without := normalize(t, wasm, true), normalize(t, wasm, false)
		if got := trap(with.Wasm); got != want {
			t.Errorf("%s: before\n%s\nafter\n%s", file, want, got)
		}
		_, frames, _ := strings.Cut(trap(without.Wasm), "wasm stack trace:")
		if strings.Contains(frames, ":") || len(strings.Fields(frames)) == 0 {
			t.Errorf("%s: without debug information it traps with\n%s", file, frames)
		}
		for _, frame := range strings.Split(strings.TrimSpace(frames), "\n") {
			if !strings.Contains(want, strings.TrimSpace(frame)) {
				t.Errorf("%s: frame %q was not there before:\n%s", file, frame, want)
			}
		}
		if facts, err := module.Inspect(without.Wasm); err != nil || facts.Debug {
			t.Errorf("%s: %+v, %v", file, facts, err)
		}
	}
	if tried == 0 {
		t.Error("there is no program with debug information to try")
	}
}
