package chaos

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/soltihq/solti-host/chaos/internal/oracle"
	"github.com/soltihq/solti-host/chaos/internal/rig"
	"github.com/soltihq/solti-host/host/client"
	"github.com/soltihq/solti-host/host/task"
)

// startLimit bounds a start of the host, up to readiness.
const startLimit = 60 * time.Second

// A world is a host on a state directory of its own, with the ledger and the locks of its payloads.
type world struct {
	rig.Rig
	t       *testing.T
	client  *client.Client
	life    atomic.Int64 // number of the host that runs, or is about to
	current *rig.Life    // the last that was started

	mu  sync.Mutex
	odd []string // guarded by mu; answers and ends that nobody expects
}

// nobody is the user that has no rights.
const nobody = 65534

// setup makes a world whose hosts run as user uid with the settings given, which are lines of YAML.
func setup(t *testing.T, uid int, settings ...string) *world {
	t.Helper()
	if _, err := exec.LookPath("flock"); err != nil {
		t.Fatalf("payloads need flock, of package util-linux: %v", err)
	}
	dir, err := os.MkdirTemp("", "chaos") //nolint:usetesting // a short path, and it stays when the test fails
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, Rig: rig.Rig{
		Dir: dir, Binary: programs.host, Config: filepath.Join(dir, "config.yaml"), UID: uid, Mark: filepath.Base(dir),
	}}
	t.Cleanup(w.remove)
	if err := os.Chmod(dir, 0o755); err != nil { //nolint:gosec // for the other user
		t.Fatal(err)
	}
	for _, d := range []string{"state", "log", "payload", "payload/locks"} {
		path := filepath.Join(dir, d)
		if err := os.Mkdir(path, 0o700); err != nil {
			t.Fatal(err)
		}
		if uid != 0 {
			if err := os.Chown(path, uid, uid); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := os.WriteFile(w.Config, []byte(w.config(settings)), 0o644); err != nil { //nolint:gosec // for the other user
		t.Fatal(err)
	}
	if w.client, err = w.Client(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.client.Close)
	return w
}

// config returns the configuration file: nothing is forgotten, and every process carries the mark.
func (w *world) config(settings []string) string {
	lines := []string{
		"stateDir: " + w.StateDir(), "pluginDir: " + programs.plugins, "listen: none", "log: {format: json, level: info}",
		"retention: {runTTL: 24h, taskTTL: 24h, interval: 1h, maxRuns: 1000000}",
		"plugins:",
	}
	for _, name := range []string{"subprocess", "steady"} {
		lines = append(lines, fmt.Sprintf("  %s: {required: true, env: {%s: %s}, taskEnv: {%s: %s}}", name, rig.MarkEnv, w.Mark, rig.MarkEnv, w.Mark))
	}
	return strings.Join(append(lines, settings...), "\n") + "\n"
}

// remove kills what a test has left behind and removes the world, unless the test failed.
func (w *world) remove() {
	w.sweep()
	if w.t.Failed() {
		w.t.Logf("state, logs, ledger: %s", w.Dir)
		return
	}
	if err := os.RemoveAll(w.Dir); err != nil {
		w.t.Error(err)
	}
}

// sweep kills all processes that carry the world's mark or use its files.
func (w *world) sweep() {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second) // it is called at the end of the test
	defer cancel()
	for {
		left, err := w.Processes()
		if err != nil {
			w.t.Error(err)
		}
		if len(left) == 0 {
			return
		}
		for _, p := range left {
			if q, err := os.FindProcess(p.PID); err == nil {
				_ = q.Kill()
			}
		}
		if !wait(ctx, 10*time.Millisecond) {
			w.t.Errorf("cannot be killed: %v", left)
			return
		}
	}
}

// payloads returns the directory of the ledger and the locks.
func (w *world) payloads() string { return filepath.Join(w.Dir, "payload") }

// start starts the next host. It dies with the test at the latest.
func (w *world) start() *rig.Life {
	w.t.Helper()
	next := w.Lives + 1
	w.note(fmt.Sprintf("life %d\n", next))
	w.life.Store(int64(next))
	l, err := w.Start()
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { l.Kill() })
	w.current = l
	return l
}

// note appends a line to the ledger.
func (w *world) note(line string) {
	w.t.Helper()
	path := filepath.Join(w.payloads(), "ledger")
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o666) //nolint:gosec // payloads write to it
	if err != nil {
		w.t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString(line); err != nil {
		w.t.Fatal(err)
	}
	if w.UID != 0 {
		if err := os.Chown(path, w.UID, w.UID); err != nil {
			w.t.Fatal(err)
		}
	}
}

// ready waits until the host is ready and returns how long that took.
func (w *world) ready(l *rig.Life) time.Duration {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), startLimit)
	defer cancel()
	took, err := l.Ready(ctx, w.client)
	if err != nil {
		w.t.Fatal(err)
	}
	return took
}

// empty waits until no process is left, at most limit, and returns how long that took.
func (w *world) empty(limit time.Duration) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(w.t.Context(), limit)
	defer cancel()
	return w.WaitEmpty(ctx)
}

func (w *world) ledger() []oracle.Line {
	w.t.Helper()
	f, err := os.Open(filepath.Join(w.payloads(), "ledger"))
	if err != nil {
		w.t.Fatal(err)
	}
	defer f.Close()
	lines, err := oracle.ReadLedger(f)
	if err != nil {
		w.t.Fatal(err)
	}
	return lines
}

// oddly notes something that nobody expects.
func (w *world) oddly(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.odd = append(w.odd, fmt.Sprintf(format, args...))
}

// list returns all tasks.
func (w *world) list(ctx context.Context, q task.Query) ([]*task.Task, error) {
	var all []*task.Task
	q.Limit = task.MaxPage
	for {
		page, err := w.client.List(ctx, q)
		if err != nil {
			return all, err
		}
		all = append(all, page.Items...)
		if q.Continue = page.Metadata.Continue; q.Continue == "" {
			return all, nil
		}
	}
}

// wait sleeps for d and reports false if ctx ended before that.
func wait(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// answerTo says what an error means for what is stored.
func (w *world) answerTo(err error) (oracle.Answer, task.Reason) {
	var s *client.StatusError
	switch {
	case err == nil:
		return oracle.Done, ""
	case errors.Is(err, client.ErrNoHost):
		return oracle.Refused, noHost
	case !errors.As(err, &s):
		return oracle.Unknown, ""
	}
	switch s.Reason {
	case task.ReasonAlreadyExists, task.ReasonNotFound, task.ReasonQueueFull, task.ReasonConflict, task.ReasonNotReady:
		return oracle.Refused, s.Reason
	}
	w.oddly("answer %d %s: %s", s.Code, s.Reason, s.Message)
	return oracle.Unknown, s.Reason
}

// noHost is the reason of requests that were never sent.
const noHost task.Reason = "NoHost"
