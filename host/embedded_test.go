package host_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/soltihq/solti-host/host"
	"github.com/soltihq/solti-host/host/task"
)

func TestAFuncIsATaskLikeAnyOther(t *testing.T) {
	t.Parallel()
	h := open(t, host.Options{})
	var seen host.Run
	stored := h.submitFunc(named("a", nil), func(_ context.Context, r *host.Run) error {
		seen = *r
		fmt.Fprintln(r.Stdout, "out")
		fmt.Fprintln(r.Stderr, "err")
		return nil
	})
	if stored.Metadata.UID.IsZero() || stored.Metadata.Generation != 1 || stored.Spec.Workload.Type() != task.Embedded {
		t.Errorf("stored %+v", stored)
	}
	got := h.ends("a", task.OutcomeCompleted, task.ReasonSucceeded, task.Succeeded)
	if seen.Task.Metadata.UID != stored.Metadata.UID || seen.Attempt != 1 || seen.ID != "embedded-a-1" || got.Status.RunID != seen.ID || got.Status.Runner != "embedded" {
		t.Errorf("the code saw %+v, the status says %+v", seen, got.Status)
	}
	if text := h.read("a", task.OutputQuery{}); text != "out\nerr\n[1 succeeded]" {
		t.Errorf("output %q", text)
	}
	runs, err := h.Runs("a", task.RunQuery{})
	if err != nil || len(runs.Items) != 1 || runs.Items[0].StdoutBytes != 4 || runs.Items[0].Phase != task.Succeeded {
		t.Errorf("runs %+v, %v", runs, err)
	}
}

func TestEndsOfFuncs(t *testing.T) {
	t.Parallel()
	h := open(t, host.Options{})
	fails := func(context.Context, *host.Run) error { return errTest }
	for _, c := range []struct {
		name    task.Name
		change  func(*task.Spec)
		f       host.Func
		kind    task.OutcomeKind
		reason  task.Reason
		phase   task.Phase
		attempt int
		why     task.Reason
	}{
		{"fails", nil, fails, task.OutcomeFailed, task.ReasonFailed, task.Failed, 1, task.ReasonFailed},
		{"exhausted", retry(2), fails, task.OutcomeFailed, task.ReasonRetriesSpent, task.Exhausted, 3, task.ReasonFailed},
		{"mends", retry(5), func(_ context.Context, r *host.Run) error {
			if r.Attempt < 3 {
				return errTest
			}
			return nil
		}, task.OutcomeCompleted, task.ReasonSucceeded, task.Succeeded, 3, ""},
		{"permanent", retry(5), func(context.Context, *host.Run) error { return host.Permanent(errTest) }, task.OutcomeFatal, task.ReasonPermanent, task.Failed, 1, task.ReasonPermanent},
		{"panics", nil, func(context.Context, *host.Run) error { panic("boom") }, task.OutcomePanicked, task.ReasonPanicked, task.Failed, 1, task.ReasonPanic},
		{"panics-on", retry(1), func(context.Context, *host.Run) error { panic("boom") }, task.OutcomePanicked, task.ReasonRetriesSpent, task.Failed, 2, task.ReasonPanic},
		{"times-out", func(s *task.Spec) { s.Timeout = task.Duration(10 * time.Millisecond) }, noEnd, task.OutcomeFailed, task.ReasonTimeout, task.Failed, 1, task.ReasonTimedOut},
	} {
		h.submitFunc(named(c.name, c.change), c.f)
		got := h.ends(c.name, c.kind, c.reason, c.phase)
		if got.Status.Attempt != c.attempt {
			t.Errorf("%s: %d attempts, want %d", c.name, got.Status.Attempt, c.attempt)
		}
		if e := got.Status.Error; (e == nil) != (c.why == "") || e != nil && e.Reason != c.why {
			t.Errorf("%s: error %+v, want %s", c.name, e, c.why)
		}
	}
}

func TestCancelTellsAFuncWhy(t *testing.T) {
	t.Parallel()
	h := open(t, host.Options{})
	why := make(chan error, 1)
	stored := h.submitFunc(named("a", retry(9)), func(ctx context.Context, r *host.Run) error {
		err := noEnd(ctx, r)
		why <- err
		return err
	})
	h.until("a", "running", running(1))
	if err := h.Cancel(t.Context(), "a", task.NewUID(time.Now())); !errors.Is(err, task.ErrNotFound) {
		t.Errorf("cancel of another incarnation: %v, want ErrNotFound", err)
	}
	if err := h.Cancel(t.Context(), "a", stored.Metadata.UID); err != nil {
		t.Fatal(err)
	}
	h.ends("a", task.OutcomeCanceled, task.ReasonCanceled, task.Canceled)
	var stop *task.StopError
	if err := <-why; !errors.As(err, &stop) || stop.Reason != task.ReasonCanceled || !errors.Is(err, context.Canceled) {
		t.Errorf("the code was told %v", err)
	}
	if err := h.Cancel(t.Context(), "a", task.UID{}); err != nil {
		t.Errorf("cancel of what is over: %v", err)
	}
}

func TestSlotsOfFuncs(t *testing.T) {
	t.Parallel()
	h := open(t, host.Options{SlotQueue: 1})
	in := func(a task.Admission) func(*task.Spec) {
		return func(s *task.Spec) { s.Slot, s.Admission = "slot", a }
	}
	quick := func(context.Context, *host.Run) error { return nil }
	h.submitFunc(named("owner", in("")), noEnd)
	h.until("owner", "running", running(1))
	if got := h.submitFunc(named("dropped", in(task.DropIfRunning)), quick); got.Status.Outcome == nil || got.Status.Outcome.Reason != task.ReasonSlotBusy {
		t.Errorf("dropIfRunning on a busy slot: %+v", got.Status)
	}
	if got := h.submitFunc(named("queued", in(task.Queue)), quick); got.Status.Done() {
		t.Errorf("queue on a busy slot: %+v", got.Status)
	}
	if _, err := h.SubmitFunc(t.Context(), named("overflow", in(task.Queue)), quick); !errors.Is(err, task.ErrQueueFull) {
		t.Errorf("a full queue: %v, want ErrQueueFull", err)
	}
	if _, err := h.Get("overflow"); !errors.Is(err, task.ErrNotFound) {
		t.Errorf("what was refused is stored: %v", err)
	}
	h.submitFunc(named("replacement", in(task.Replace)), quick)
	h.ends("owner", task.OutcomeCanceled, task.ReasonReplaced, task.Canceled)
	h.ends("replacement", task.OutcomeCompleted, task.ReasonSucceeded, task.Succeeded)
	h.ends("queued", task.OutcomeCompleted, task.ReasonSucceeded, task.Succeeded)
	// The name of a refused func is free.
	h.submitFunc(named("overflow", nil), quick)
	h.ends("overflow", task.OutcomeCompleted, task.ReasonSucceeded, task.Succeeded)
}

func TestConcurrencyBoundsAttempts(t *testing.T) {
	t.Parallel()
	h := open(t, host.Options{Concurrency: 2})
	begun, end := make(chan task.Name, 8), make(chan struct{})
	for i, name := range []task.Name{"a", "b", "c", "d"} {
		h.submitFunc(named(name, nil), func(_ context.Context, r *host.Run) error {
			begun <- r.Task.Metadata.Name
			<-end
			return nil
		})
		if i < 2 {
			<-begun
		}
	}
	list, err := h.Query(task.Query{Phases: []task.Phase{task.Pending}})
	if err != nil || len(list.Items) != 2 || list.Items[0].Status.Waiting != "permit" || len(begun) > 0 {
		t.Errorf("beside two that run: %+v, %v", list.Items, err)
	}
	close(end)
	for _, name := range []task.Name{"a", "b", "c", "d"} {
		h.ends(name, task.OutcomeCompleted, task.ReasonSucceeded, task.Succeeded)
	}
}

func TestWhatSubmitFuncRefuses(t *testing.T) {
	t.Parallel()
	h := open(t, host.Options{})
	quick := func(context.Context, *host.Run) error { return nil }
	for _, c := range []struct {
		task *task.Task
		path string
	}{
		{named("", func(s *task.Spec) { s.Slot = "s" }), "metadata.name"},
		{named("a", func(s *task.Spec) { s.Slot = "" }), "spec.slot"},
		{named("a", func(s *task.Spec) { s.Timeout = -1 }), "spec.timeout"},
		{shell("a", "true", nil), "spec.workload.kind"},
	} {
		_, err := h.SubmitFunc(t.Context(), c.task, quick)
		var fields task.FieldErrors
		if !errors.As(err, &fields) || fields[0].Path != c.path {
			t.Errorf("got %v, want a problem of %s", err, c.path)
		}
	}
	embedded := named("a", nil)
	embedded.Spec.Workload = task.Workload{APIVersion: task.APIVersion, Kind: task.Embedded.Name}
	if _, err := h.Submit(t.Context(), embedded); err == nil {
		t.Error("Submit took an embedded task without code")
	}
	h.submitFunc(named("a", nil), noEnd)
	h.until("a", "running", running(1))
	if _, err := h.SubmitFunc(t.Context(), named("a", nil), quick); !errors.Is(err, task.ErrExists) {
		t.Errorf("a name that is taken: %v, want ErrExists", err)
	}
	if list, err := h.Query(task.Query{}); err != nil || len(list.Items) != 1 {
		t.Errorf("stored %+v, %v; want one task", list, err)
	}
	if err := h.Cancel(t.Context(), "a", task.UID{}); err != nil {
		t.Fatal(err)
	}
	h.over("a")
	again := h.submitFunc(named("a", nil), quick)
	if got := h.ends("a", task.OutcomeCompleted, task.ReasonSucceeded, task.Succeeded); got.Status.Attempt != 2 || got.Metadata.UID != again.Metadata.UID {
		t.Errorf("the record was not taken over: %+v", got)
	}
}

func TestDeletionOfAFuncFreesItsName(t *testing.T) {
	t.Parallel()
	h := open(t, host.Options{})
	first := h.submitFunc(named("a", nil), noEnd)
	h.until("a", "running", running(1))
	_, changed, err := h.Watch(first.Metadata.UID)
	if err != nil {
		t.Fatal(err)
	}
	if gone, err := h.Delete(t.Context(), "a", task.UID{}); gone || err != nil {
		t.Errorf("deletion of a running task: gone %v, %v", gone, err)
	}
	<-changed
	poll(t, "the task is gone", func() bool { _, err := h.Get("a"); return errors.Is(err, task.ErrNotFound) })
	second := h.submitFunc(named("a", nil), func(context.Context, *host.Run) error { return nil })
	if got := h.over("a"); got.Metadata.UID == first.Metadata.UID || got.Metadata.UID != second.Metadata.UID || got.Status.Attempt != 1 {
		t.Errorf("the second of the name is %+v", got)
	}
	if gone, err := h.Delete(t.Context(), "a", task.UID{}); !gone || err != nil {
		t.Errorf("deletion of what is over: gone %v, %v", gone, err)
	}
	if _, err := h.Delete(t.Context(), "a", task.UID{}); !errors.Is(err, task.ErrNotFound) {
		t.Errorf("deletion of nothing: %v", err)
	}
}

func TestAFuncDoesNotOutliveItsProcess(t *testing.T) {
	t.Parallel()
	o := host.Options{StateDir: t.TempDir()}
	h := open(t, o)
	h.submitFunc(named("once", nil), noEnd)
	h.submitFunc(named("again", retry(3)), noEnd)
	h.submitFunc(named("waits", func(s *task.Spec) { s.Slot, s.Admission = "once", task.Queue }), noEnd)
	h.submitFunc(named("done", nil), func(context.Context, *host.Run) error { return nil })
	h.over("done")
	before := h.until("again", "running", running(1))
	h.until("once", "running", running(1))
	h.stop()

	h = open(t, o)
	for _, name := range []task.Name{"once", "again", "waits"} {
		if got := h.over(name); got.Status.Phase == task.Succeeded {
			t.Errorf("%s: %+v", name, got.Status)
		}
	}
	if got, err := h.Get("done"); err != nil || got.Status.Phase != task.Succeeded {
		t.Errorf("done: %+v, %v", got, err)
	}
	if text := h.read("again", task.OutputQuery{From: task.Cursor{Attempt: 1}}); !strings.HasPrefix(text, "begun\n") {
		t.Errorf("output of the last time: %q", text)
	}
	stored := h.submitFunc(named("again", retry(3)), func(context.Context, *host.Run) error { return nil })
	got := h.ends("again", task.OutcomeCompleted, task.ReasonSucceeded, task.Succeeded)
	if stored.Metadata.UID != before.Metadata.UID || got.Status.Attempt != 2 {
		t.Errorf("the record was not taken over: %+v", got)
	}
}

func TestShutdownNamesFuncsThatDoNotEnd(t *testing.T) {
	t.Parallel()
	h, err := host.New(host.Options{Grace: 10 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	end, ended := make(chan struct{}), make(chan struct{})
	_, err = h.SubmitFunc(t.Context(), named("stubborn", nil), func(context.Context, *host.Run) error {
		defer close(ended)
		<-end
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	b := &bundle{Host: h, t: t}
	b.until("stubborn", "running", running(1))
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	err = h.Shutdown(ctx)
	if err == nil || !strings.Contains(err.Error(), "stubborn") {
		t.Errorf("shutdown: %v, want the name of what does not end", err)
	}
	if again := h.Shutdown(t.Context()); !errors.Is(again, err) {
		t.Errorf("a second shutdown: %v, want the result of the first", again)
	}
	close(end)
	<-ended
}

func TestBeforeStartAndAfterShutdown(t *testing.T) {
	t.Parallel()
	h, err := host.New(host.Options{})
	if err != nil {
		t.Fatal(err)
	}
	quick := func(context.Context, *host.Run) error { return nil }
	calls := func() []error {
		_, submit := h.Submit(t.Context(), shell("a", "true", nil))
		_, embed := h.SubmitFunc(t.Context(), named("a", nil), quick)
		_, _, apply := h.Apply(t.Context(), shell("a", "true", nil), host.ApplyOptions{})
		_, remove := h.Delete(t.Context(), "a", task.UID{})
		_, explain := h.Explain(t.Context(), shell("a", "true", nil))
		return []error{submit, embed, apply, remove, h.Cancel(t.Context(), "a", task.UID{}), explain}
	}
	for i, err := range calls() {
		if !errors.Is(err, task.ErrNotReady) {
			t.Errorf("call %d before Start: %v, want ErrNotReady", i, err)
		}
	}
	if ready, problems := h.Ready(); ready || len(problems) == 0 {
		t.Errorf("ready before Start: %v", problems)
	}
	if err := h.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if ready, problems := h.Ready(); !ready {
		t.Errorf("not ready after Start: %v", problems)
	}
	if err := h.Serve(t.Context()); err == nil || !strings.Contains(err.Error(), "StateDir") {
		t.Errorf("Serve without a state directory: %v", err)
	}
	if h.Uptime() <= 0 {
		t.Error("no time has passed")
	}
	if err := h.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := h.SubmitFunc(t.Context(), named("a", nil), quick); !errors.Is(err, task.ErrClosed) {
		t.Errorf("SubmitFunc after Shutdown: %v, want ErrClosed", err)
	}
	if err := h.Cancel(t.Context(), "a", task.UID{}); !errors.Is(err, task.ErrClosed) {
		t.Errorf("Cancel after Shutdown: %v, want ErrClosed", err)
	}
}

func TestAHostThatWasNotStartedShutsDown(t *testing.T) {
	t.Parallel()
	h, err := host.New(host.Options{StateDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestEventsAndQueries(t *testing.T) {
	t.Parallel()
	h := open(t, host.Options{})
	events, stop := h.Events(64)
	labeled := named("a", nil)
	labeled.Metadata.Labels = map[string]string{"app": "web"}
	h.submitFunc(labeled, func(context.Context, *host.Run) error { return nil })
	h.submitFunc(named("b", nil), noEnd)
	h.over("a")
	h.until("b", "running", running(1))
	var got []string
	for e := range events {
		if e.Task == "a" {
			got = append(got, string(e.Type))
		}
		if e.Type == "task_finished" && e.Task == "a" {
			break
		}
	}
	if want := []string{"task_accepted", "attempt_starting", "attempt_succeeded", "task_finished"}; !slices.Equal(got, want) {
		t.Errorf("events %q, want %q", got, want)
	}
	stop()
	for range events { // closed
	}
	names := func(q task.Query) (all []task.Name) {
		list, err := h.Query(q)
		if err != nil {
			t.Fatal(err)
		}
		for _, it := range list.Items {
			all = append(all, it.Metadata.Name)
		}
		return all
	}
	for _, c := range []struct {
		q    task.Query
		want []task.Name
	}{
		{task.Query{}, []task.Name{"a", "b"}},
		{task.Query{System: true}, []task.Name{"a", "b", "solti-state-sweep"}},
		{task.Query{Slot: "b"}, []task.Name{"b"}},
		{task.Query{Phases: []task.Phase{task.Succeeded}}, []task.Name{"a"}},
		{task.Query{Labels: &task.Selector{MatchLabels: map[string]string{"app": "web"}}}, []task.Name{"a"}},
		{task.Query{Limit: 1}, []task.Name{"a"}},
	} {
		if got := names(c.q); !slices.Equal(got, c.want) {
			t.Errorf("%+v: %q, want %q", c.q, got, c.want)
		}
	}
}

func TestWaitEndsWithItsContext(t *testing.T) {
	t.Parallel()
	h := open(t, host.Options{})
	stored := h.submitFunc(named("a", nil), noEnd)
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errTest)
	if got, err := h.Wait(ctx, "a", stored.Metadata.UID); !errors.Is(err, errTest) || got == nil {
		t.Errorf("Wait gave %v, %v; want the task as it is and the cause", got, err)
	}
	if _, err := h.Wait(t.Context(), "a", task.NewUID(time.Now())); !errors.Is(err, task.ErrNotFound) {
		t.Errorf("another incarnation: %v", err)
	}
	if _, err := h.Wait(t.Context(), "b", task.UID{}); !errors.Is(err, task.ErrNotFound) {
		t.Errorf("no such task: %v", err)
	}
}

func TestANameIsFreeWhenItsTaskIsOver(t *testing.T) {
	t.Parallel()
	h := open(t, host.Options{})
	for n := range 100 {
		h.submitFunc(named("a", nil), func(context.Context, *host.Run) error { return nil })
		if got := h.over("a"); got.Status.Attempt != n+1 {
			t.Fatalf("attempt %d, want %d", got.Status.Attempt, n+1)
		}
	}
}

func TestAHostThatDidNotStartShutsDown(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for range 5 {
		h, err := host.New(host.Options{StateDir: dir, PluginDir: plugins})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(errTest)
		if err := h.Start(ctx); err != nil && !errors.Is(err, errTest) {
			t.Errorf("start: %v, want the cause of its context", err)
		}
		if err := h.Shutdown(t.Context()); err != nil {
			t.Errorf("shutdown: %v", err)
		}
	}
}
