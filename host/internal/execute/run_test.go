package execute_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/soltihq/solti-host/host/internal/output"
	"github.com/soltihq/solti-host/host/internal/plugin"
	"github.com/soltihq/solti-host/host/internal/policy"
	"github.com/soltihq/solti-host/host/internal/supervisor"
	"github.com/soltihq/solti-host/host/task"
	pluginv1 "github.com/soltihq/solti-host/shared/proto/solti/plugin/v1"
)

func code(n int) *int { return &n }

func TestEveryExitHasItsResult(t *testing.T) {
	for _, c := range []struct {
		exit    plugin.Exit
		end     policy.End
		reason  task.Reason // empty means no failure
		message string
	}{
		{plugin.Exit{Result: pluginv1.Result_RESULT_SUCCEEDED, ExitCode: code(0)}, policy.Success, "", ""},
		{plugin.Exit{Result: pluginv1.Result_RESULT_SUCCEEDED, ExitCode: code(3)}, policy.Success, "", ""},
		{plugin.Exit{Result: pluginv1.Result_RESULT_CANCELED, Signal: "SIGTERM"}, policy.Stopped, "", ""},
		{plugin.Exit{Result: pluginv1.Result_RESULT_FAILED, ExitCode: code(7)}, policy.Failure, task.ReasonExit, "exit status 7"},
		{plugin.Exit{Result: pluginv1.Result_RESULT_FAILED, ExitCode: code(7), Message: "no route"}, policy.Failure, task.ReasonExit, "no route"},
		{plugin.Exit{Result: pluginv1.Result_RESULT_FAILED, Signal: "SIGKILL"}, policy.Failure, task.ReasonSignal, "ended by SIGKILL"},
		{plugin.Exit{Result: pluginv1.Result_RESULT_FAILED}, policy.Failure, task.ReasonFailed, "it failed"},
		{plugin.Exit{Result: pluginv1.Result_RESULT_FAILED, Permanent: true, Message: "bad image"}, policy.Fatal, task.ReasonFailed, "bad image"},
		{plugin.Exit{Result: pluginv1.Result_RESULT_PANICKED}, policy.Panicked, task.ReasonPanic, "the runner panicked"},
		{plugin.Exit{Result: pluginv1.Result_RESULT_OOM_KILLED, Signal: "SIGKILL"}, policy.Failure, task.ReasonOOM, "killed for using too much memory"},
		{plugin.Exit{Result: pluginv1.Result_RESULT_START_FAILED}, policy.Failure, task.ReasonStartFailed, "it could not be started"},
		{plugin.Exit{Result: pluginv1.Result_RESULT_START_FAILED, Permanent: true, Message: "no such program"}, policy.Fatal, task.ReasonStartFailed, "no such program"},
		{plugin.Exit{Result: pluginv1.Result(99)}, policy.Failure, task.ReasonFailed, "it failed"},
	} {
		r := &fakeRunner{name: "a", run: func(context.Context, plugin.Attempt, plugin.Sink) (plugin.Exit, error) { return c.exit, nil }}
		got, _, _, _ := setup(t, r).attempt(t.Context(), newTask("Subprocess"), "a")
		if got.End != c.end || got.ExitCode != c.exit.ExitCode || got.Signal != c.exit.Signal || got.Down || got.RetryAfter != 0 {
			t.Errorf("%+v became %+v, want end %d", c.exit, got, c.end)
		}
		checkFailure(t, c.exit, got.Failure, c.reason, c.message)
	}
}

func checkFailure(t *testing.T, of any, got *task.Failure, reason task.Reason, message string) {
	t.Helper()
	switch {
	case reason == "" && got != nil:
		t.Errorf("%+v failed with %+v, want no failure", of, got)
	case reason != "" && (got == nil || got.Reason != reason || !strings.Contains(got.Message, message)):
		t.Errorf("%+v failed with %+v, want %s: %s", of, got, reason, message)
	}
}

func TestEveryErrorHasItsResult(t *testing.T) {
	refusal := &task.Error{Reason: task.ReasonInvalidSpec, Message: "no such field"}
	for _, c := range []struct {
		err     error
		want    supervisor.Result
		reason  task.Reason
		message string
	}{
		{fmt.Errorf("call: %w", refusal), supervisor.Result{End: policy.Fatal}, task.ReasonInvalidSpec, "no such field"},
		{&plugin.LostError{Cause: "the plugin crashed"}, supervisor.Result{End: policy.LostPlugin}, task.ReasonLost, "the plugin crashed"},
		{fmt.Errorf("call: %w", plugin.ErrDown), supervisor.Result{End: policy.LostPlugin, Down: true}, task.ReasonLost, "not ready"},
		{&plugin.CapacityError{RetryAfter: 5 * time.Second}, supervisor.Result{End: policy.LostPlugin, RetryAfter: 5 * time.Second}, task.ReasonLost, "no more work"},
		{&plugin.CapacityError{RetryAfter: time.Millisecond}, supervisor.Result{End: policy.LostPlugin, RetryAfter: time.Second}, task.ReasonLost, "no more work"},
		{errors.New("broken pipe"), supervisor.Result{End: policy.LostPlugin}, task.ReasonLost, "broken pipe"},
	} {
		r := &fakeRunner{name: "a", run: func(context.Context, plugin.Attempt, plugin.Sink) (plugin.Exit, error) { return plugin.Exit{}, c.err }}
		got, _, _, _ := setup(t, r).attempt(t.Context(), newTask("Subprocess"), "a")
		if got.End != c.want.End || got.Down != c.want.Down || got.RetryAfter != c.want.RetryAfter {
			t.Errorf("%v became %+v, want %+v", c.err, got, c.want)
		}
		checkFailure(t, c.err, got.Failure, c.reason, c.message)
	}
}

func TestAnAttemptOfARunnerThatIsGoneCountsForNothing(t *testing.T) {
	got, _, _, started := setup(t).attempt(t.Context(), newTask("Subprocess"), "gone")
	if !got.Down || got.End != policy.LostPlugin || started != 0 {
		t.Errorf("got %+v after %d starts, want it to wait for runners", got, started)
	}
}

func TestAttemptReachesRunnerAndOutput(t *testing.T) {
	var asked plugin.Attempt
	r := &fakeRunner{name: "a", run: func(_ context.Context, a plugin.Attempt, s plugin.Sink) (plugin.Exit, error) {
		asked = a
		s.Started("pid 1", map[string]string{"pid": "1"})
		s.Output(task.Stdout, 0, []byte("hello "), time.Now())
		s.Output(task.Stderr, 0, []byte("oh"), time.Now())
		s.Gap(task.Stdout, 6, 10, "the plugin dropped them")
		s.Output(task.Stdout, 16, []byte("world"), time.Now())
		return plugin.Exit{Result: pluginv1.Result_RESULT_SUCCEEDED}, nil
	}}
	tk := newTask("Subprocess")
	tk.Status.Attempt = 3
	b := setup(t, r)
	got, stdout, stderr, started := b.attempt(t.Context(), tk, "a")
	if asked.Number != 4 || asked.RunID != "r-s-1" || asked.Task != tk || asked.StopGrace != 3*time.Second || asked.Handle != tk.Metadata.UID.String()+"/2" {
		t.Errorf("asked with %+v", asked)
	}
	if stdout != "hello <gap: the plugin dropped them>world" || stderr != "oh" || started != 1 {
		t.Errorf("stdout %q, stderr %q, started %d times", stdout, stderr, started)
	}
	if b.facts["pid"] != "1" {
		t.Errorf("facts %q", b.facts)
	}
	if got.Stdout != 21 || got.Stderr != 2 || got.Dropped != 10 || len(got.OutputRef) == 0 {
		t.Errorf("got %+v, want 21 and 2 bytes, 10 of them dropped", got)
	}
}

func TestAnAttemptWithoutRoomForItsOutputIsMadeAgain(t *testing.T) {
	b := setup(t, &fakeRunner{name: "a"})
	tk := newTask("Subprocess")
	if _, err := b.outputs.Create(output.Key{UID: tk.Metadata.UID, Attempt: 1}, "other"); err != nil {
		t.Fatal(err)
	}
	got := b.x.Run(t.Context(), supervisor.Attempt{Task: tk, Run: &task.Run{Attempt: 1, Runner: "a"}, Started: func() {}})
	if got.End != policy.LostPlugin || got.RetryAfter <= 0 {
		t.Errorf("got %+v, want one that counts for nothing and is made again", got)
	}
	checkFailure(t, "a key that is taken", got.Failure, task.ReasonIO, "make room for the output")
}

// What a runner tells of an attempt is in the log of who asks for details.
func TestEventsOfAnAttemptAreLogged(t *testing.T) {
	var log bytes.Buffer
	r := &fakeRunner{name: "a", run: func(_ context.Context, _ plugin.Attempt, s plugin.Sink) (plugin.Exit, error) {
		s.(plugin.Events).Event("queued", "behind others", map[string]string{"place": "3"}, time.Now())
		return plugin.Exit{Result: pluginv1.Result_RESULT_SUCCEEDED}, nil
	}}
	b := setup(t, r)
	b.x.Log = hclog.New(&hclog.LoggerOptions{Output: &log, Level: hclog.Debug})
	b.attempt(t.Context(), newTask("K"), "a")
	for _, want := range []string{"task=a", "attempt=1", "event=queued", `message="behind others"`, "event.place=3"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log lacks %q: %s", want, &log)
		}
	}
	log.Reset()
	b.x.Log.SetLevel(hclog.Info)
	b.attempt(t.Context(), newTask("K"), "a")
	if log.Len() > 0 {
		t.Errorf("without asking: %s", &log)
	}
}
