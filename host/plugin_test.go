package host_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/soltihq/solti-host/host"
	"github.com/soltihq/solti-host/host/task"
)

// stateDir returns a new state directory whose sockets have short paths.
func stateDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "solti-") //nolint:usetesting // t.TempDir would make the sockets' paths too long
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

func TestASpecRunsThroughAPlugin(t *testing.T) {
	t.Parallel()
	h := open(t, host.Options{PluginDir: plugins})
	stored := h.submit(shell("a", "echo out; echo err >&2; exit 7", nil))
	if stored.Metadata.UID.IsZero() || stored.Status.Done() {
		t.Errorf("stored %+v", stored)
	}
	got := h.ends("a", task.OutcomeFailed, task.ReasonFailed, task.Failed)
	if s := got.Status; s.Runner != "subprocess" || s.RunID != "subprocess-a-1" || s.ExitCode == nil || *s.ExitCode != 7 || s.Error.Reason != task.ReasonExit {
		t.Errorf("status %+v", s)
	}
	if text := h.read("a", task.OutputQuery{Stream: task.Stderr}); text != "err\n[1 failed]" {
		t.Errorf("standard error %q", text)
	}
	h.submit(shell("", "true", func(s *task.Spec) { s.Slot = "B_2" }))
	h.ends("subprocess-b-2-1", task.OutcomeCompleted, task.ReasonSucceeded, task.Succeeded)
	h.submit(shell("retries", `echo "try $SOLTI_ATTEMPT"; test "$SOLTI_ATTEMPT" = 3`, retry(5)))
	h.ends("retries", task.OutcomeCompleted, task.ReasonSucceeded, task.Succeeded)
	const want = "try 1\n[1 failed]try 2\n[2 failed]try 3\n[3 succeeded]"
	if text := h.read("retries", task.OutputQuery{From: task.Cursor{Attempt: 1}, Rest: true}); text != want {
		t.Errorf("output of all attempts %q, want %q", text, want)
	}
	all := h.Plugins()
	if len(all) != 1 || all[0].Name != "subprocess" || all[0].State != task.PluginReady || all[0].PID == 0 {
		t.Errorf("plugins %+v", all)
	}
}

func TestARefusalIsTypedAndNothingIsStored(t *testing.T) {
	t.Parallel()
	h := open(t, host.Options{PluginDir: plugins})
	var fields task.FieldErrors
	schema := shell("schema", "true", nil)
	schema.Spec.Workload.Spec = []byte(`{"command": "sh", "args": ["-c", 5]}`)
	if _, err := h.Submit(t.Context(), schema); !errors.As(err, &fields) || fields[0].Path != "spec.workload.spec.args[1]" {
		t.Errorf("a spec against the schema: %v", err)
	}
	unknown := shell("unknown", "true", nil)
	unknown.Spec.Workload.APIVersion, unknown.Spec.Workload.Kind = "acme.dev/v1", "Probe"
	_, err := h.Submit(t.Context(), unknown)
	var refused *task.Error
	if !errors.As(err, &refused) || refused.Reason != task.ReasonNoRunner || !errors.Is(err, task.ErrNoRunner) || !strings.Contains(err.Error(), "subprocess") {
		t.Errorf("a kind that nobody declares: %v", err)
	} else if len(refused.Violations) != 1 || refused.Violations[0].Path != "spec.workload.kind" {
		t.Errorf("a kind that nobody declares: violations %v", refused.Violations)
	}
	elsewhere := shell("elsewhere", "true", func(s *task.Spec) {
		s.RunnerSelector = &task.Selector{MatchLabels: map[string]string{"zone": "eu"}}
	})
	_, err = h.Submit(t.Context(), elsewhere)
	if !errors.As(err, &refused) || !errors.Is(err, task.ErrNoRunner) || !strings.Contains(err.Error(), "zone") {
		t.Errorf("a selector that fits nobody: %v", err)
	} else if len(refused.Violations) != 1 || refused.Violations[0].Path != "spec.runnerSelector" {
		t.Errorf("a selector that fits nobody: violations %v", refused.Violations)
	}
	e, err := h.Explain(t.Context(), elsewhere)
	if err != nil || e.Runner != "" || e.Error == nil || e.Error.Reason != task.ReasonNoRunner {
		t.Errorf("explanation %+v, %v", e, err)
	}
	if e, err := h.Explain(t.Context(), shell("a", "true", nil)); err != nil || e.Runner != "subprocess" {
		t.Errorf("explanation %+v, %v", e, err)
	}
	if got, err := h.Create(t.Context(), shell("dry", "true", nil), host.CreateOptions{DryRun: true}); err != nil || got.Status.Runner != "subprocess" {
		t.Errorf("dry run: %+v, %v", got, err)
	}
	if list, err := h.Query(task.Query{}); err != nil || len(list.Items) != 0 {
		t.Errorf("stored %+v, %v", list.Items, err)
	}
}

func TestCancelAndDeleteOfAProcess(t *testing.T) {
	t.Parallel()
	h := open(t, host.Options{PluginDir: plugins, Grace: 5 * time.Second})
	h.submit(shell("soft", `trap 'echo bye; exit 0' TERM; echo begun; while :; do sleep 0.05; done`, retry(9)))
	h.written("soft", "begun\n")
	if err := h.Cancel(t.Context(), "soft", task.UID{}); err != nil {
		t.Fatal(err)
	}
	h.over("soft")
	if text := h.read("soft", task.OutputQuery{}); !strings.Contains(text, "bye") {
		t.Errorf("it was not asked softly: %q", text)
	}
	h.submit(shell("gone", "sleep 600", nil))
	h.until("gone", "running", running(1))
	if gone, err := h.Delete(t.Context(), "gone", task.UID{}); gone || err != nil {
		t.Errorf("deletion of what runs: gone %v, %v", gone, err)
	}
	poll(t, "the task is gone", func() bool { _, err := h.Get("gone"); return errors.Is(err, task.ErrNotFound) })
}

// written waits until a task has written a text.
func (b *bundle) written(name task.Name, text string) {
	b.t.Helper()
	var got strings.Builder
	for c, err := range b.Output(waiting(b.t), name, task.OutputQuery{Follow: true}) {
		if err != nil {
			b.t.Fatalf("follow %s: %v", name, err)
		}
		got.Write(c.Data)
		if strings.Contains(got.String(), text) {
			return
		}
	}
	b.t.Fatalf("%s has written %q, want %q", name, got.String(), text)
}

func TestApplyOfAProcess(t *testing.T) {
	t.Parallel()
	h := open(t, host.Options{PluginDir: plugins})
	apply := func(in *task.Task, want task.Applied, generation int64) *task.Task {
		t.Helper()
		got, how, err := h.Apply(t.Context(), in, host.ApplyOptions{})
		if err != nil || how != want || got.Metadata.Generation != generation {
			t.Fatalf("apply: %s, generation %d, %v; want %s, %d", how, got.Metadata.Generation, err, want, generation)
		}
		return got
	}
	first := apply(shell("a", "echo one; sleep 600", nil), task.AppliedCreated, 1)
	h.written("a", "one\n")
	apply(shell("a", "echo one; sleep 600", nil), task.AppliedUnchanged, 1)
	labeled := shell("a", "echo one; sleep 600", nil)
	labeled.Metadata.Labels = map[string]string{"x": "y"}
	apply(labeled, task.AppliedConfigured, 1)
	second := apply(shell("a", "echo two", nil), task.AppliedConfigured, 2)
	if second.Metadata.UID != first.Metadata.UID {
		t.Error("a new generation is another task")
	}
	got := h.ends("a", task.OutcomeCompleted, task.ReasonSucceeded, task.Succeeded)
	if got.Status.Attempt != 2 || got.Status.ObservedGeneration != 2 {
		t.Errorf("status %+v", got.Status)
	}
	if text := h.read("a", task.OutputQuery{From: task.Cursor{Attempt: 1}, Rest: true, Stream: task.Stdout}); text != "one\n[1 canceled]two\n[2 succeeded]" {
		t.Errorf("output %q", text)
	}
	apply(shell("a", "echo three", nil), task.AppliedConfigured, 3)
	h.until("a", "over in its third attempt", func(t *task.Task) bool { return t.Status.Done() && t.Status.Attempt == 3 })
	_, _, err := h.Apply(t.Context(), shell("a", "echo four", nil), host.ApplyOptions{ResourceVersion: second.Metadata.ResourceVersion})
	if !errors.Is(err, task.ErrConflict) {
		t.Errorf("apply to an old version: %v, want ErrConflict", err)
	}
}

func TestSlotsOfProcesses(t *testing.T) {
	t.Parallel()
	h := open(t, host.Options{PluginDir: plugins})
	in := func(a task.Admission) func(*task.Spec) {
		return func(s *task.Spec) { s.Slot, s.Admission = "s", a }
	}
	h.submit(shell("owner", "sleep 600", in("")))
	h.until("owner", "running", running(1))
	for _, name := range []task.Name{"q1", "q2"} {
		if got := h.submit(shell(name, "date +%s%N", in(task.Queue))); got.Status.Waiting != "slot" {
			t.Errorf("%s waits for %q", name, got.Status.Waiting)
		}
	}
	h.submit(shell("r", "date +%s%N", in(task.Replace)))
	h.ends("owner", task.OutcomeCanceled, task.ReasonReplaced, task.Canceled)
	var times []string
	for _, name := range []task.Name{"r", "q1", "q2"} {
		h.ends(name, task.OutcomeCompleted, task.ReasonSucceeded, task.Succeeded)
		times = append(times, h.read(name, task.OutputQuery{Stream: task.Stdout}))
	}
	if times[0] >= times[1] || times[1] >= times[2] {
		t.Errorf("not in order: %q", times)
	}
}

func TestAHostGoesOnWithTheTasksOfTheLastOne(t *testing.T) {
	t.Parallel()
	o := host.Options{StateDir: stateDir(t), PluginDir: plugins, Grace: time.Second}
	h := open(t, o)
	wait := filepath.Join(t.TempDir(), "go")
	h.submit(shell("done", "echo kept", nil))
	h.over("done")
	h.submit(shell("restarts", `echo "try $SOLTI_ATTEMPT"; while test ! -e `+wait+`; do sleep 0.02; done`, retry(1)))
	h.submit(shell("once", "sleep 600", nil))
	h.submit(shell("queued", "echo at last", func(s *task.Spec) { s.Slot, s.Admission = "restarts", task.Queue }))
	h.submit(shell("later", "exit $((SOLTI_ATTEMPT == 1))", func(s *task.Spec) {
		s.Restart.Policy, s.Backoff = task.OnFailure, &task.Backoff{First: task.Duration(500 * time.Millisecond), Jitter: task.NoJitter}
	}))
	before := h.until("restarts", "running", running(1))
	h.written("restarts", "try 1\n") // it may be running and not have come to write
	h.until("once", "running", running(1))
	h.until("later", "waiting", func(t *task.Task) bool { return t.Status.Waiting == "backoff" })
	h.stop()
	if err := os.WriteFile(wait, nil, 0o600); err != nil {
		t.Fatal(err)
	}

	h = open(t, o)
	if text := h.read("done", task.OutputQuery{}); text != "kept\n[1 succeeded]" {
		t.Errorf("output of the last time: %q", text)
	}
	got := h.ends("restarts", task.OutcomeCompleted, task.ReasonSucceeded, task.Succeeded)
	if got.Metadata.UID != before.Metadata.UID || got.Status.Attempt != 2 {
		t.Errorf("restarts: %+v", got.Status)
	}
	if text := h.read("restarts", task.OutputQuery{From: task.Cursor{Attempt: 1}, Rest: true, Stream: task.Stdout}); text != "try 1\n[1 lost]try 2\n[2 succeeded]" {
		t.Errorf("output over a restart: %q", text)
	}
	h.ends("once", task.OutcomeLost, task.ReasonHostLost, task.Failed)
	h.ends("queued", task.OutcomeCompleted, task.ReasonSucceeded, task.Succeeded)
	if got := h.ends("later", task.OutcomeCompleted, task.ReasonSucceeded, task.Succeeded); got.Status.Attempt != 2 {
		t.Errorf("later: %+v", got.Status)
	}
	h.submit(shell("next", "true", nil))
	if got := h.over("next"); got.Status.RunID != "subprocess-next-8" {
		t.Errorf("run id %s, want the eighth of the state directory", got.Status.RunID)
	}
}

func TestAStateDirectoryHasOneHost(t *testing.T) {
	t.Parallel()
	o := host.Options{StateDir: stateDir(t)}
	first := open(t, o)
	if _, err := host.New(o); err == nil || !strings.Contains(err.Error(), o.StateDir) {
		t.Errorf("a second host on one directory: %v", err)
	}
	first.stop()
	open(t, o)
}

// Whoever finds the host on its Unix socket goes on to the others.
func TestTheUnixSocketIsTheLastToListen(t *testing.T) {
	t.Parallel()
	dir := stateDir(t)
	b := open(t, host.Options{StateDir: dir, Listen: "127.0.0.1:0"})
	ctx, cancel := context.WithCancel(waiting(t))
	served := make(chan error, 1)
	go func() { served <- b.Serve(ctx) }()
	there := func(name string) bool {
		_, err := os.Stat(filepath.Join(dir, name))
		return err == nil
	}
	for !there(task.SocketFile) && ctx.Err() == nil {
		runtime.Gosched()
	}
	for _, name := range []string{task.GRPCSocketFile, task.EndpointFile} {
		if !there(name) {
			t.Errorf("there is %s and no %s", task.SocketFile, name)
		}
	}
	cancel()
	if err := <-served; err != nil {
		t.Error(err)
	}
}

func TestATaskWaitsForItsPluginOverRestarts(t *testing.T) {
	t.Parallel()
	o := host.Options{StateDir: stateDir(t), PluginDir: t.TempDir(), Grace: time.Second}
	if err := os.Chmod(o.PluginDir, 0o755); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(o.PluginDir, "solti-runner-subprocess")
	install := func() {
		t.Helper()
		if err := os.Link(filepath.Join(plugins, filepath.Base(file)), file); err != nil {
			t.Fatal(err)
		}
	}
	install()
	h := open(t, o)
	h.submit(shell("a", `test "$SOLTI_ATTEMPT" != 1 || sleep 600`, retry(1)))
	h.submit(shell("b", "true", func(s *task.Spec) { s.Slot, s.Admission = "a", task.Queue }))
	h.until("a", "running", running(1))
	h.stop()
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}

	h = open(t, o)
	got := h.until("a", "waiting for its runner", func(t *task.Task) bool { return t.Status.Waiting == "runner" })
	if got.Status.Done() || got.Status.Attempt != 1 {
		t.Errorf("without its plugin: %+v", got.Status)
	}
	if _, err := h.Submit(t.Context(), shell("c", "true", nil)); !errors.Is(err, task.ErrNoRunner) {
		t.Errorf("a submission without a plugin: %v, want ErrNoRunner", err)
	}
	h.stop()
	install()

	h = open(t, o)
	if got := h.ends("a", task.OutcomeCompleted, task.ReasonSucceeded, task.Succeeded); got.Status.Attempt != 2 {
		t.Errorf("with its plugin again: %+v", got.Status)
	}
	h.ends("b", task.OutcomeCompleted, task.ReasonSucceeded, task.Succeeded)
}

func TestARequiredPluginIsMissed(t *testing.T) {
	t.Parallel()
	h := open(t, host.Options{PluginDir: plugins, Plugins: map[string]host.PluginOptions{
		"subprocess": {Labels: map[string]string{"zone": "eu"}, TaskEnv: map[string]string{"WHO": "operator"}},
		"wasm":       {Required: true},
	}})
	stored := h.submit(shell("a", "echo $WHO", func(s *task.Spec) {
		s.RunnerSelector = &task.Selector{MatchLabels: map[string]string{"zone": "eu"}}
	}))
	h.over(stored.Metadata.Name)
	if text := h.read("a", task.OutputQuery{}); text != "operator\n[1 succeeded]" {
		t.Errorf("output %q", text)
	}
	if ready, problems := h.Ready(); ready || !strings.Contains(strings.Join(problems, ";"), "wasm") {
		t.Errorf("ready %v: %v", ready, problems)
	}
}
