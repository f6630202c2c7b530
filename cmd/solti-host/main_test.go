package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"go.uber.org/goleak"

	"github.com/soltihq/solti-host/host/client"
)

func TestMain(m *testing.M) {
	testscript.Main(leakChecked{m}, map[string]func(){"solti-host": main})
}

// leakChecked runs the tests and then looks for goroutines that they left.
type leakChecked struct{ *testing.M }

func (l leakChecked) Run() int {
	code := l.M.Run()
	if err := goleak.Find(); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

// TestScripts runs the program as a process, for serve and run with the real subprocess plugin.
func TestScripts(t *testing.T) {
	plugins := buildPlugins(t)
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(e *testscript.Env) error {
			e.Setenv("GORACE", "atexit_sleep_ms=0") // else every command waits a second at its end
			e.Setenv("SOLTI_PLUGIN_DIR", plugins)
			e.Setenv("TMPDIR", e.WorkDir+"/.tmp")
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"ready": ready, "retry": retry},
	})
}

// buildPlugins returns a directory with the subprocess plugin.
func buildPlugins(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "go", "build", "-o", filepath.Join(dir, "solti-runner-subprocess"), "../../plugins/subprocess")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", cmd, err, out)
	}
	return dir
}

// patience bounds what a script waits for.
const patience = 30 * time.Second

// ready DIR waits until the host of a state directory takes submissions.
func ready(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: ready DIR")
	}
	c, err := client.New(client.Options{StateDir: ts.MkAbs(args[0])})
	ts.Check(err)
	defer c.Close()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	poll(ts, "the host is not ready", func() bool {
		r, err := c.Ready(ctx)
		return err == nil && r.Ready
	})
}

// retry COMMAND... runs a program until it succeeds, or with ! until it fails.
func retry(ts *testscript.TestScript, neg bool, args []string) {
	poll(ts, fmt.Sprintf("%q does not come true", args), func() bool {
		return (ts.Exec(args[0], args[1:]...) == nil) != neg
	})
}

func poll(ts *testscript.TestScript, what string, done func() bool) {
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for end := time.Now().Add(patience); !done(); <-again.C {
		if time.Now().After(end) {
			ts.Fatalf("%s after %v", what, patience)
		}
	}
}
