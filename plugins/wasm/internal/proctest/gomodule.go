package proctest

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// GoModule builds a Go program, given as go build takes it, for WASI preview 1, and returns the module.
func GoModule(t testing.TB, program string, flags ...string) []byte {
	t.Helper()
	out := filepath.Join(t.TempDir(), "main.wasm")
	cmd := exec.CommandContext(t.Context(), "go", append(append([]string{"build"}, flags...), "-o", out, program)...)
	cmd.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "CGO_ENABLED=0", "GOFLAGS=")
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build %s: %v\n%s", program, err, text)
	}
	wasm, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	return wasm
}
