package host_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/go-hclog"

	"github.com/soltihq/solti-host/host"
	"github.com/soltihq/solti-host/host/task"
)

func TestAStartTellsWhatItFound(t *testing.T) {
	t.Parallel()
	first := stateDir(t)
	a := open(t, host.Options{StateDir: first, Concurrency: 1})
	a.submitFunc(named("runs", nil), noEnd)
	a.until("runs", "running", running(1))
	a.submitFunc(named("waits", nil), noEnd)

	// What is on disk at this moment is what a host finds whose predecessor was killed.
	second := stateDir(t)
	db, err := os.ReadFile(filepath.Join(first, "state.db"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(second, "state.db"), db, 0o600); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer // read when the host has been started
	b := open(t, host.Options{StateDir: second, Log: hclog.New(&hclog.LoggerOptions{Output: &log})})
	b.stop()
	const want = "[INFO]  went on with the tasks of the last time: resumed=0 ended=2 lostAttempts=1"
	if !strings.Contains(log.String(), want) {
		t.Errorf("log %s\nwant %s", log.String(), want)
	}
	if got, err := b.Get("runs"); err == nil && got.Status.Outcome.Kind != task.OutcomeLost {
		t.Errorf("%+v", got.Status)
	}
	log.Reset()
	open(t, host.Options{StateDir: second, Log: hclog.New(&hclog.LoggerOptions{Output: &log})}).stop()
	if strings.Contains(log.String(), "the last time") {
		t.Errorf("nothing was left, and yet the log is %s", log.String())
	}
}
