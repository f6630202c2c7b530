package e2e

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// What "make examples" builds runs as it is, and the host's program can look at it. Languages whose toolchain
// is not there are skipped, with the reason.
func TestExamplesThatAreBuiltRun(t *testing.T) {
	t.Parallel()
	for _, language := range []string{"go", "c", "rust", "assemblyscript"} {
		t.Run(language, func(t *testing.T) {
			t.Parallel()
			task := buildExample(t, language)
			out := command(t, "run", task)
			for _, want := range []string{"good day, submitter, from ", "lines of input: 2\n", "no files: "} {
				if !strings.Contains(out, want) {
					t.Errorf("the output lacks %q:\n%s", want, out)
				}
			}
			module := strings.TrimSuffix(task, ".yaml") + ".wasm"
			if out := command(t, "wasm", "inspect", "-o", "yaml", "--compile", module); !strings.Contains(out, "\ntaken: true\n") {
				t.Errorf("it is not taken:\n%s", out)
			}
		})
	}
}

// buildExample builds the example of a language, and returns the task that runs it.
func buildExample(t *testing.T, language string) (task string) {
	t.Helper()
	build := exec.CommandContext(t.Context(), "../examples/wasm/build.sh", t.TempDir(), language)
	build.Stderr = os.Stderr
	out, err := build.Output()
	if err != nil {
		t.Fatalf("%v: %v\n%s", build, err, out)
	}
	said := strings.TrimSuffix(string(out), "\n")
	if why, left := strings.CutPrefix(said, language+": left out: "); left && language != "go" {
		t.Skip(why)
	}
	task, built := strings.CutPrefix(said, language+": built ")
	if !built || filepath.Base(task) != "hello-"+language+".yaml" {
		t.Fatalf("build.sh said %q", said)
	}
	return task
}

// command has the program do something that must go well, and returns what it printed.
func command(t *testing.T, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Env = append(os.Environ(), "SOLTI_PLUGIN_DIR="+runners)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("%v: %v\n%s", cmd, err, out)
	}
	return string(out)
}

// A language that cannot be built is told so, and what an earlier build made is not taken for this one's.
func TestExamplesThatAreLeftOutSayWhy(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	old := filepath.Join(dir, "hello-c.wasm")
	if err := os.WriteFile(old, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	build := exec.CommandContext(t.Context(), "../examples/wasm/build.sh", dir, "c", "rust")
	build.Env = append(os.Environ(), "CLANG=false", "RUSTC=no-such-rustc")
	out, err := build.Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"c: left out: false cannot build for wasm32-wasi", "rust: left out: there is no no-such-rustc"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("it said %q, want %q", out, want)
		}
	}
	if _, err := os.Stat(old); !os.IsNotExist(err) {
		t.Errorf("the old module: %v", err)
	}
}

// Where a service may not execute memory that it has written, modules are interpreted, and the log says so.
func TestModulesRunWhereNativeCodeIsForbidden(t *testing.T) {
	t.Parallel()
	log := forbidden(t, "run", specs+"/hello-wasm.yaml", "--log-level", "warn")
	for _, want := range []string{"hello from WebAssembly\n", "modules are interpreted"} {
		if !strings.Contains(log, want) {
			t.Errorf("it lacks %q:\n%s", want, log)
		}
	}
}

func TestDoctorTellsThatNativeCodeIsForbidden(t *testing.T) {
	t.Parallel()
	out := forbidden(t, "wasm", "doctor")
	for _, want := range []string{"Native code:  worse: ", "Trial:        good: a module ran in a worker by the interpreter"} {
		if !strings.Contains(out, want) {
			t.Errorf("it lacks %q:\n%s", want, out)
		}
	}
}

// forbidden runs the program where the kernel lets nobody execute what was written, and returns what it printed.
func forbidden(t *testing.T, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], append([]string{program}, args...)...) //nolint:gosec // ourselves
	cmd.Env = append(os.Environ(), envDenied+"=1", "SOLTI_PLUGIN_DIR="+runners)
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() == exitNotDenied {
		t.Skipf("this kernel cannot forbid it: %s", out)
	}
	if err != nil && exit == nil {
		t.Fatalf("%v: %v\n%s", cmd, err, out)
	}
	return string(out)
}
