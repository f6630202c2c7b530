package execute_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/soltihq/solti-host/host/internal/execute"
	"github.com/soltihq/solti-host/host/internal/policy"
	"github.com/soltihq/solti-host/host/task"
)

func TestEmbeddedCodeIsThereFromEmbedToRelease(t *testing.T) {
	b := setup(t)
	tk := newTask(task.Embedded.Name)
	f := func(context.Context, execute.Embedded) error { return nil }
	if _, err := b.x.Build(t.Context(), tk); !errors.Is(err, task.ErrNoRunner) {
		t.Errorf("without code: %v, want ErrNoRunner", err)
	}
	if !b.x.Embed("a", f) || b.x.Embed("a", f) {
		t.Error("want code to be taken once under a name")
	}
	if got, err := b.x.Build(t.Context(), tk); err != nil || got != execute.EmbeddedRunner {
		t.Errorf("Build gave %q, %v", got, err)
	}
	b.x.Release(tk)
	if got, _, _, _ := b.attempt(t.Context(), tk, execute.EmbeddedRunner); got.End != policy.Fatal || got.Failure.Reason != task.ReasonNoRunner {
		t.Errorf("an attempt after Release: %+v, want fatal", got)
	}
	if !b.x.Embed("a", f) {
		t.Error("the name is not free after Release")
	}
	b.x.Unembed("a")
	if !b.x.Embed("a", f) {
		t.Error("the name is not free after Unembed")
	}
}

func TestEveryEmbeddedEndHasItsResult(t *testing.T) {
	for _, c := range []struct {
		name    string
		f       execute.Func
		stop    bool
		end     policy.End
		reason  task.Reason
		message string
	}{
		{"success", func(context.Context, execute.Embedded) error { return nil }, false, policy.Success, "", ""},
		{"nil although stopped", func(context.Context, execute.Embedded) error { return nil }, true, policy.Stopped, "", ""},
		{"failure", func(context.Context, execute.Embedded) error { return errors.New("no disk") }, false, policy.Failure, task.ReasonFailed, "no disk"},
		{"permanent", func(context.Context, execute.Embedded) error { return fmt.Errorf("%w: bad key", execute.ErrPermanent) }, false, policy.Fatal, task.ReasonPermanent, "bad key"},
		{"stopped", func(ctx context.Context, _ execute.Embedded) error { return context.Cause(ctx) }, true, policy.Stopped, task.ReasonCanceled, "stopped: canceled"},
		{"panic", func(context.Context, execute.Embedded) error { panic("boom") }, false, policy.Panicked, task.ReasonPanic, "panic: boom"},
		{"runtime panic", func(_ context.Context, run execute.Embedded) error { _ = []int{}[run.Attempt]; return nil }, false, policy.Panicked, task.ReasonPanic, "embedded_test.go"},
		{"goroutine left", func(context.Context, execute.Embedded) error { runtime.Goexit(); return nil }, false, policy.Panicked, task.ReasonPanic, "runtime.Goexit"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := setup(t)
			b.x.Embed("a", c.f)
			ctx, cancel := context.WithCancelCause(t.Context())
			defer cancel(nil)
			if c.stop {
				cancel(&task.StopError{Reason: task.ReasonCanceled})
			}
			got, _, _, started := b.attempt(ctx, newTask(task.Embedded.Name), execute.EmbeddedRunner)
			if got.End != c.end || started != 1 {
				t.Errorf("got %+v after %d starts, want end %d", got, started, c.end)
			}
			checkFailure(t, c.name, got.Failure, c.reason, c.message)
		})
	}
}

func TestEmbeddedOutputAndFacts(t *testing.T) {
	b := setup(t)
	var seen execute.Embedded
	b.x.Embed("a", func(_ context.Context, run execute.Embedded) error {
		seen = run
		fmt.Fprint(run.Stdout, "one ")
		fmt.Fprint(run.Stderr, "warn")
		fmt.Fprint(run.Stdout, strings.Repeat("x", 100))
		return nil
	})
	tk := newTask(task.Embedded.Name)
	tk.Status.Attempt = 1
	got, stdout, stderr, _ := b.attempt(t.Context(), tk, execute.EmbeddedRunner)
	if seen.Task != tk || seen.Attempt != 2 || seen.RunID != "r-s-1" {
		t.Errorf("the code saw %+v", seen)
	}
	if stdout != "one "+strings.Repeat("x", 100) || stderr != "warn" || got.Stdout != 104 || got.Stderr != 4 {
		t.Errorf("stdout %q, stderr %q, result %+v", stdout, stderr, got)
	}
}
