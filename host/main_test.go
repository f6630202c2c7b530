package host_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"go.uber.org/goleak"

	"github.com/soltihq/solti-host/host"
	"github.com/soltihq/solti-host/host/task"
)

// plugins is a directory with the subprocess plugin.
var plugins string

// patience bounds every wait of these tests.
const patience = 30 * time.Second

func TestMain(m *testing.M) {
	code, err := check(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = max(code, 1)
	}
	os.Exit(code)
}

// check runs the tests and then looks for what they left behind.
func check(m *testing.M) (code int, err error) {
	plugins, err = os.MkdirTemp("", "solti-plugins-")
	if err != nil {
		return 1, err
	}
	defer os.RemoveAll(plugins)
	if err := os.Chmod(plugins, 0o755); err != nil {
		return 1, err
	}
	cmd := exec.Command("go", "build", "-o", filepath.Join(plugins, "solti-runner-subprocess"), "../plugins/subprocess")
	if out, err := cmd.CombinedOutput(); err != nil {
		return 1, fmt.Errorf("%v: %w\n%s", cmd, err, out)
	}
	before := openFiles()
	code = m.Run()
	if err := goleak.Find(); err != nil {
		return code, err
	}
	if now := openFiles(); now > before+2 { // the runtime's own poller may have come
		return code, fmt.Errorf("%d files are open, %d were at the start", now, before)
	}
	if left := children(); left != "" {
		return code, fmt.Errorf("children are left: %s", left)
	}
	return code, nil
}

// openFiles counts the open descriptors of this process, where the system shows them.
func openFiles() int {
	all, _ := os.ReadDir("/proc/self/fd")
	return len(all)
}

// children returns the ids of child processes, where the system shows them.
func children() string {
	runtime.LockOSThread() // the list is one per thread; the tests' threads are gone or idle
	defer runtime.UnlockOSThread()
	threads, _ := filepath.Glob("/proc/self/task/*/children")
	var left []string
	for _, path := range threads {
		b, _ := os.ReadFile(path)
		left = append(left, strings.Fields(string(b))...)
	}
	return strings.Join(left, " ")
}

// bundle is a started host and what tests do with it.
type bundle struct {
	*host.Host
	t *testing.T
}

// open starts a host, which ends with the test at the latest.
func open(t *testing.T, o host.Options) *bundle {
	t.Helper()
	if o.Log == nil {
		o.Log = hclog.New(&hclog.LoggerOptions{Output: t.Output(), Level: hclog.Info})
	}
	h, err := host.New(o)
	if err != nil {
		t.Fatalf("new host: %v", err)
	}
	b := &bundle{Host: h, t: t}
	t.Cleanup(b.stop)
	if err := h.Start(t.Context()); err != nil {
		t.Fatalf("start the host: %v", err)
	}
	return b
}

// stop shuts the host down, which must succeed.
func (b *bundle) stop() {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := b.Shutdown(ctx); err != nil {
		b.t.Errorf("shutdown: %v", err)
	}
}

// waiting returns a context that bounds a wait.
func waiting(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// until waits until a task is as ok says.
func (b *bundle) until(name task.Name, what string, ok func(*task.Task) bool) *task.Task {
	b.t.Helper()
	ctx := waiting(b.t)
	for {
		t, err := b.Get(name)
		if err != nil {
			b.t.Fatalf("get %s: %v", name, err)
		}
		t, changed, err := b.Watch(t.Metadata.UID)
		if err != nil {
			b.t.Fatalf("watch %s: %v", name, err)
		}
		if ok(t) {
			return t
		}
		select {
		case <-changed:
		case <-ctx.Done():
			b.t.Fatalf("task %s is not %s: %+v", name, what, t.Status)
		}
	}
}

// over waits until a task is over.
func (b *bundle) over(name task.Name) *task.Task {
	b.t.Helper()
	t, err := b.Wait(waiting(b.t), name, task.UID{})
	if err != nil {
		b.t.Fatalf("wait for %s: %v", name, err)
	}
	return t
}

// ends waits until a task is over, which must be as given.
func (b *bundle) ends(name task.Name, kind task.OutcomeKind, reason task.Reason, phase task.Phase) *task.Task {
	b.t.Helper()
	t := b.over(name)
	o := t.Status.Outcome
	if o.Kind != kind || o.Reason != reason || t.Status.Phase != phase {
		b.t.Errorf("task %s ended %s/%s in phase %s (%s), want %s/%s, %s", name, o.Kind, o.Reason, t.Status.Phase, o.Message, kind, reason, phase)
	}
	return t
}

func running(attempt int) func(*task.Task) bool {
	return func(t *task.Task) bool { return t.Status.Phase == task.Running && t.Status.Attempt >= attempt }
}

// submit submits a task, which must be accepted.
func (b *bundle) submit(t *task.Task) *task.Task {
	b.t.Helper()
	stored, err := b.Submit(waiting(b.t), t)
	if err != nil {
		b.t.Fatalf("submit %s: %v", t.Metadata.Name, err)
	}
	return stored
}

// submitFunc submits an embedded task, which must be accepted.
func (b *bundle) submitFunc(t *task.Task, f host.Func) *task.Task {
	b.t.Helper()
	stored, err := b.SubmitFunc(waiting(b.t), t, f)
	if err != nil {
		b.t.Fatalf("submit %s: %v", t.Metadata.Name, err)
	}
	return stored
}

// read returns the output that a query asks for, ends of attempts as lines in brackets.
func (b *bundle) read(name task.Name, q task.OutputQuery) string {
	b.t.Helper()
	var text strings.Builder
	for c, err := range b.Output(waiting(b.t), name, q) {
		if err != nil {
			b.t.Fatalf("read the output of %s: %v", name, err)
		}
		text.Write(c.Data)
		if c.Ended != nil {
			fmt.Fprintf(&text, "[%d %s]", c.Ended.Attempt, c.Ended.Phase)
		}
	}
	return text.String()
}

// named returns a task of that name in a slot of that name, as changed.
func named(name task.Name, change func(*task.Spec)) *task.Task {
	t := &task.Task{Metadata: task.Metadata{Name: name}, Spec: task.Spec{Slot: task.Slot(name)}}
	if change != nil {
		change(&t.Spec)
	}
	return t
}

// shell returns a task that runs a shell script.
func shell(name task.Name, script string, change func(*task.Spec)) *task.Task {
	t := named(name, change)
	args, err := json.Marshal(map[string]any{"command": "sh", "args": []string{"-c", script}})
	if err != nil {
		panic(err)
	}
	t.Spec.Workload = task.Workload{APIVersion: task.APIVersion, Kind: "Subprocess", Spec: args}
	return t
}

// retry is a restart policy on failures, with at most n retries and hardly a wait.
func retry(n int) func(*task.Spec) {
	return func(s *task.Spec) {
		s.Restart.Policy, s.MaxRetries = task.OnFailure, &n
		s.Backoff = &task.Backoff{First: task.Duration(time.Millisecond), Max: task.Duration(time.Millisecond), Jitter: task.NoJitter}
	}
}

// noEnd is an embedded task that ends when it is asked to.
func noEnd(ctx context.Context, r *host.Run) error {
	_, _ = io.WriteString(r.Stdout, "begun\n")
	<-ctx.Done()
	return context.Cause(ctx)
}

var errTest = errors.New("the test wants it")

// poll waits until ok, which no channel tells.
func poll(t *testing.T, what string, ok func() bool) {
	t.Helper()
	again := time.NewTicker(5 * time.Millisecond)
	defer again.Stop()
	for end := time.Now().Add(patience); !ok(); <-again.C {
		if time.Now().After(end) {
			t.Fatalf("%s: not so after %v", what, patience)
		}
	}
}
