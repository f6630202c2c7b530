package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// What "make examples" leaves runs as it is, and the host's program can look at it.
func TestExamplesThatAreBuiltRun(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	build := exec.CommandContext(t.Context(), "../examples/wasm/build.sh", dir)
	build.Stderr = os.Stderr // says what is skipped
	made, err := build.Output()
	if err != nil {
		t.Fatal(err)
	}
	files := strings.Fields(string(made))
	if len(files) == 0 || filepath.Base(files[0]) != "hello-go.yaml" {
		t.Fatalf("made %q", files)
	}
	for _, file := range files {
		command := func(args ...string) string {
			cmd := exec.CommandContext(t.Context(), program, args...)
			cmd.Env = append(os.Environ(), "SOLTI_PLUGIN_DIR="+runners)
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Errorf("%v: %v\n%s", cmd, err, out)
			}
			return string(out)
		}
		out := command("run", file)
		for _, want := range []string{"good day, submitter, from ", "lines of input: 2\n", "no files: "} {
			if !strings.Contains(out, want) {
				t.Errorf("%s: the output lacks %q:\n%s", file, want, out)
			}
		}
		module := strings.TrimSuffix(file, ".yaml") + ".wasm"
		if out := command("wasm", "inspect", "-o", "yaml", "--compile", module); !strings.Contains(out, "\ntaken: true\n") {
			t.Errorf("%s is not taken:\n%s", module, out)
		}
	}
}
