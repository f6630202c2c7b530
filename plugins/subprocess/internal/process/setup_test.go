package process

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// patience bounds what a test waits for.
const patience = 20 * time.Second

// long reports whether the long form of the tests was asked for.
func long() bool { return os.Getenv("SOLTI_LONG") == "1" }

var runs atomic.Int64

// A trial is one attempt of a test: what it ran with and what came of it.
type trial struct {
	cmd    *Command
	stdout bytes.Buffer
	stderr bytes.Buffer
	leader chan Leader
	force  chan struct{}
	tag    string // a duration for sleep that no other process has in its arguments
}

// newTrial makes an attempt of a command. TAG in its arguments stands for the trial's tag.
func newTrial(name string, args ...string) *trial {
	n := runs.Add(1)
	tr := &trial{
		leader: make(chan Leader, 1), force: make(chan struct{}),
		tag: fmt.Sprintf("3600.%d%05d", os.Getpid(), n),
	}
	for i := range args {
		args[i] = strings.ReplaceAll(args[i], "TAG", tr.tag)
	}
	id := fmt.Sprintf("subprocess-test-%d-%d", os.Getpid(), n)
	tr.cmd = &Command{
		Name: name, Args: args, RunID: id, Path: "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
		Env:    []string{EnvRunID + "=" + id, "PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"},
		Stdout: &tr.stdout, Stderr: &tr.stderr, Force: tr.force,
		Started: func(l Leader) { tr.leader <- l },
	}
	return tr
}

// sh makes an attempt of a shell script.
func sh(script string) *trial { return newTrial("/bin/sh", "-c", script) }

// run runs the attempt and fails the test if it takes longer than anything may.
func (tr *trial) run(t testing.TB, e *Engine) Exit {
	t.Helper()
	return tr.runIn(t.Context(), t, e)
}

func (tr *trial) runIn(ctx context.Context, t testing.TB, e *Engine) Exit {
	t.Helper()
	guard := time.AfterFunc(patience, func() { panic(fmt.Sprintf("attempt hangs: %q", tr.cmd.Args)) })
	defer guard.Stop()
	exit, err := e.Run(ctx, tr.cmd)
	if err != nil {
		t.Errorf("run %q: %v", tr.cmd.Args, err)
	}
	if left := survivors(tr.tag); len(left) > 0 {
		t.Errorf("%q left processes behind: %v", tr.cmd.Args, left)
	}
	return exit
}

// until waits for cond.
func until(t testing.TB, what string, cond func() bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for !cond() {
		if time.Now().After(deadline) {
			t.Fatalf("still waiting for %s", what)
		}
		time.Sleep(time.Millisecond)
	}
}

// survivors returns the live processes that have text among their arguments.
func survivors(text string) []string {
	paths, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	var found []string
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err == nil && bytes.Contains(data, []byte(text)) {
			found = append(found, path+" "+string(bytes.ReplaceAll(data, []byte{0}, []byte{' '})))
		}
	}
	return found
}

// write makes a file of data.
func write(t testing.TB, name string, data []byte, mode os.FileMode) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, data, mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
	return path
}
