package supervisor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/soltihq/solti-host/host/internal/event"
	"github.com/soltihq/solti-host/host/internal/policy"
	"github.com/soltihq/solti-host/host/task"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// bundle is a Supervisor with everything around it made of functions.
type bundle struct {
	t   *testing.T
	sup *Supervisor

	mu      sync.Mutex
	records []event.Record // guarded by mu; as committed
	last    map[task.Name]*task.Task
	changed chan struct{} // guarded by mu; closed at the next record
	delay   time.Duration // of a commit
	queue   chan func()

	room  int
	run   func(ctx context.Context, a Attempt) Result
	build func(ctx context.Context, t *task.Task) error
}

// setup starts a supervisor whose attempts succeed at once, unless the test sets run.
func setup(t *testing.T, o Options) *bundle {
	t.Helper()
	b := &bundle{
		t: t, last: map[task.Name]*task.Task{}, changed: make(chan struct{}), queue: make(chan func(), 1<<16),
		run:   func(context.Context, Attempt) Result { return Result{End: policy.Success} },
		build: func(context.Context, *task.Task) error { return nil },
	}
	committed := make(chan struct{})
	go func() {
		defer close(committed)
		for f := range b.queue {
			f()
		}
	}()
	o.Journal, o.Executor, o.Index, o.Epoch = b, b, b, "e"
	b.sup = New(o)
	t.Cleanup(func() {
		if err := b.sup.Shutdown(context.Background()); err != nil {
			t.Errorf("shutdown: %v", err)
		}
		close(b.queue)
		<-committed
	})
	return b
}

// Append implements Journal.
func (b *bundle) Append(unit []event.Record, done func(error)) {
	b.queue <- func() {
		time.Sleep(b.delay)
		b.mu.Lock()
		b.records = append(b.records, unit...)
		for _, r := range unit {
			b.last[r.Task.Metadata.Name] = r.Task
			if r.Kind == event.Removed {
				delete(b.last, r.Task.Metadata.Name)
			}
		}
		close(b.changed)
		b.changed = make(chan struct{})
		b.mu.Unlock()
		done(nil)
	}
}

// Lookup implements Index.
func (b *bundle) Lookup(name task.Name) (task.UID, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	t := b.last[name]
	if t == nil || !t.Status.Done() {
		return task.UID{}, false
	}
	return t.Metadata.UID, true
}

// Version implements Index.
func (b *bundle) Version(uid task.UID) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, t := range b.last {
		if t.Metadata.UID == uid {
			return t.Metadata.ResourceVersion
		}
	}
	return ""
}

// Build implements Executor.
func (b *bundle) Build(ctx context.Context, t *task.Task) (string, error) {
	return "fake", b.build(ctx, t)
}

// Run implements Executor.
func (b *bundle) Run(ctx context.Context, a Attempt) Result { return b.run(ctx, a) }

// Room implements Executor.
func (b *bundle) Room(string) int { return b.room }

// Release implements Executor.
func (b *bundle) Release(*task.Task) {}

func (b *bundle) submit(name task.Name, change func(*task.Spec)) *task.Task {
	b.t.Helper()
	spec := task.Spec{Slot: task.Slot(name), Workload: task.Workload{APIVersion: task.APIVersion, Kind: "Subprocess"}}
	if change != nil {
		change(&spec)
	}
	t, _, err := b.sup.Submit(b.t.Context(), Submission{Task: &task.Task{Metadata: task.Metadata{Name: name}, Spec: spec}})
	if err != nil {
		b.t.Fatalf("submit %s: %v", name, err)
	}
	return t
}

// wait returns the task when it is over.
func (b *bundle) wait(name task.Name) *task.Task {
	b.t.Helper()
	for {
		b.mu.Lock()
		t, changed := b.last[name], b.changed
		b.mu.Unlock()
		if t != nil && t.Status.Done() {
			return t
		}
		<-changed
	}
}

// until blocks until its context ends, and says why.
func until(ctx context.Context, a Attempt) Result {
	a.Started()
	<-ctx.Done()
	return Result{End: policy.Stopped}
}

func outcomeOf(t *task.Task) [3]string {
	return [3]string{string(t.Status.Outcome.Kind), string(t.Status.Outcome.Reason), string(t.Status.Phase)}
}

func expect(t *testing.T, got *task.Task, kind task.OutcomeKind, reason task.Reason, phase task.Phase) {
	t.Helper()
	if want := [3]string{string(kind), string(reason), string(phase)}; outcomeOf(got) != want {
		t.Errorf("task %s ended %v, want %v", got.Metadata.Name, outcomeOf(got), want)
	}
}

func TestRetriesWaitForBackoffAndEndExhausted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, Options{})
		start := time.Now()
		var at []time.Duration
		b.run = func(context.Context, Attempt) Result {
			at = append(at, time.Since(start))
			return Result{End: policy.Failure, Failure: &task.Failure{Reason: task.ReasonExit, Message: "exit status 1"}}
		}
		n := 2
		b.submit("a", func(s *task.Spec) {
			s.Restart.Policy, s.MaxRetries = task.OnFailure, &n
			s.Backoff = &task.Backoff{First: task.Duration(time.Second), Max: task.Duration(time.Minute), Factor: 2, Jitter: task.NoJitter}
		})
		got := b.wait("a")
		expect(t, got, task.OutcomeFailed, task.ReasonRetriesSpent, task.Exhausted)
		if want := []time.Duration{0, time.Second, 3 * time.Second}; !slices.Equal(at, want) {
			t.Errorf("attempts at %v, want %v", at, want)
		}
		if got.Status.Attempt != 3 || got.Status.Outcome.Message != "exit status 1" {
			t.Errorf("attempt %d, message %q", got.Status.Attempt, got.Status.Outcome.Message)
		}
	})
}

// What an attempt tells is on disk while it runs, so that a crash does not lose it, and stays there.
func TestFactsAreKeptWithTheirRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, Options{})
		b.run = func(_ context.Context, a Attempt) Result {
			a.Facts(map[string]string{"module": fmt.Sprint("sha256:", a.Run.Attempt)})
			a.Started()
			time.Sleep(time.Second)
			if a.Run.Attempt == 1 {
				return Result{End: policy.Failure}
			}
			return Result{End: policy.Success}
		}
		b.submit("a", func(s *task.Spec) { s.Restart.Policy = task.OnFailure })
		b.wait("a")
		var got []string
		for _, r := range b.records {
			if r.Run != nil {
				got = append(got, fmt.Sprint(r.Kind, r.Run.Attempt, r.Run.Active(), r.Run.Facts["module"]))
			}
		}
		want := []string{}
		for i := 1; i <= 2; i++ {
			fact := fmt.Sprint("sha256:", i)
			want = append(want, fmt.Sprint(event.Started, i, true, ""), fmt.Sprint(event.Noted, i, true, fact), fmt.Sprint(event.Ended, i, false, fact))
		}
		if !slices.Equal(got, want) {
			t.Errorf("records\n%q, want\n%q", got, want)
		}
	})
}

func TestTimeoutRunsFromTheStartOfTheWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, Options{})
		start := time.Now()
		b.run = func(ctx context.Context, a Attempt) Result {
			time.Sleep(time.Minute) // warming up is not work
			a.Started()
			<-ctx.Done()
			if !errors.Is(context.Cause(ctx), context.DeadlineExceeded) {
				t.Errorf("cause %v is no deadline", context.Cause(ctx))
			}
			return Result{End: policy.Failure}
		}
		b.submit("a", func(s *task.Spec) { s.Timeout = task.Duration(5 * time.Second) })
		expect(t, b.wait("a"), task.OutcomeFailed, task.ReasonTimeout, task.Failed)
		if took := time.Since(start); took != 65*time.Second {
			t.Errorf("it ended after %v, want 65s", took)
		}
	})
}

func TestAttemptThatNeverStartsTimesOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, Options{})
		start := time.Now()
		b.run = func(ctx context.Context, _ Attempt) Result {
			<-ctx.Done()
			return Result{End: policy.Stopped}
		}
		b.submit("a", nil)
		expect(t, b.wait("a"), task.OutcomeFailed, task.ReasonTimeout, task.Failed)
		if took := time.Since(start); took != task.DefaultStartTimeout {
			t.Errorf("it ended after %v, want %v", took, task.DefaultStartTimeout)
		}
	})
}

func TestReplacementWaitsUntilItsVictimIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, Options{})
		var order []string
		b.run = func(ctx context.Context, a Attempt) Result {
			a.Started()
			order = append(order, "begin "+string(a.Task.Metadata.Name))
			if a.Task.Metadata.Name == "new" {
				return Result{End: policy.Success}
			}
			<-ctx.Done()
			time.Sleep(3 * time.Second) // it takes its time to end
			order = append(order, "end "+string(a.Task.Metadata.Name))
			return Result{End: policy.Stopped}
		}
		b.submit("old", func(s *task.Spec) { s.Slot = "x" })
		synctest.Wait()
		b.submit("new", func(s *task.Spec) { s.Slot, s.Admission = "x", task.Replace })
		expect(t, b.wait("new"), task.OutcomeCompleted, task.ReasonSucceeded, task.Succeeded)
		expect(t, b.wait("old"), task.OutcomeCanceled, task.ReasonReplaced, task.Canceled)
		if want := []string{"begin old", "end old", "begin new"}; !slices.Equal(order, want) {
			t.Errorf("order %q, want %q", order, want)
		}
	})
}

func TestFailedReplacementSparesTheOwner(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, Options{})
		b.run = until
		b.build = func(_ context.Context, t *task.Task) error {
			if t.Metadata.Name == "new" {
				return &task.Error{Reason: task.ReasonInvalidSpec, Message: "no such command"}
			}
			return nil
		}
		b.submit("old", func(s *task.Spec) { s.Slot = "x" })
		synctest.Wait()
		b.submit("new", func(s *task.Spec) { s.Slot, s.Admission = "x", task.Replace })
		expect(t, b.wait("new"), task.OutcomeRejected, task.ReasonInvalidSpec, task.Failed)
		synctest.Wait()
		if got := b.last["old"]; got.Status.Phase != task.Running {
			t.Errorf("the owner is %s, want running", got.Status.Phase)
		}
	})
}

func TestBusySlotRejectsAndQueues(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, Options{SlotQueue: 1})
		free := make(chan struct{})
		b.run = func(_ context.Context, a Attempt) Result {
			a.Started()
			<-free
			return Result{End: policy.Success}
		}
		slot := func(a task.Admission) func(*task.Spec) {
			return func(s *task.Spec) { s.Slot, s.Admission = "x", a }
		}
		b.submit("owner", slot(""))
		expect(t, b.submit("dropped", slot(task.DropIfRunning)), task.OutcomeRejected, task.ReasonSlotBusy, task.Canceled)
		b.submit("queued", slot(task.Queue))
		_, _, err := b.sup.Submit(t.Context(), Submission{Task: &task.Task{Spec: task.Spec{Slot: "x", Admission: task.Queue}}})
		if !errors.Is(err, task.ErrQueueFull) {
			t.Errorf("a full queue answers %v", err)
		}
		close(free)
		expect(t, b.wait("queued"), task.OutcomeCompleted, task.ReasonSucceeded, task.Succeeded)
	})
}

func TestCancelReachesEveryState(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, Options{Permits: 1})
		b.run = func(ctx context.Context, a Attempt) Result {
			if a.Task.Metadata.Name == "backoff" {
				return Result{End: policy.Failure}
			}
			return until(ctx, a)
		}
		b.submit("backoff", func(s *task.Spec) {
			s.Restart.Policy = task.OnFailure
			s.Backoff = &task.Backoff{First: task.Duration(time.Hour), Max: task.Duration(time.Hour), Factor: 1, Jitter: task.NoJitter}
		})
		synctest.Wait()
		b.submit("running", func(s *task.Spec) { s.Slot = "x" })
		b.submit("queued", func(s *task.Spec) { s.Slot, s.Admission = "x", task.Queue })
		b.submit("permit", nil)
		synctest.Wait()
		for _, name := range []task.Name{"backoff", "permit", "queued", "running"} {
			if err := b.sup.Cancel(t.Context(), name, task.UID{}); err != nil {
				t.Errorf("cancel %s: %v", name, err)
			}
		}
		expect(t, b.wait("queued"), task.OutcomeRejected, task.ReasonRemoved, task.Canceled)
		for _, name := range []task.Name{"backoff", "permit", "running"} {
			expect(t, b.wait(name), task.OutcomeCanceled, task.ReasonCanceled, task.Canceled)
		}
		if err := b.sup.Cancel(t.Context(), "nobody", task.UID{}); !errors.Is(err, task.ErrNotFound) {
			t.Errorf("cancel of an unknown task answers %v", err)
		}
	})
}

func TestPermitsBoundWhatRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, Options{Permits: 3})
		b.delay = time.Millisecond
		var mu sync.Mutex
		now, most := 0, 0
		b.run = func(_ context.Context, a Attempt) Result {
			mu.Lock()
			now++
			most = max(most, now)
			mu.Unlock()
			time.Sleep(time.Second)
			mu.Lock()
			now--
			mu.Unlock()
			return Result{End: policy.Success}
		}
		names := []task.Name{"a", "b", "c", "d", "e", "f", "g", "h", "i", "j"}
		for _, n := range names {
			b.submit(n, nil)
		}
		for _, n := range names {
			b.wait(n)
		}
		if most != 3 {
			t.Errorf("%d attempts at once, want 3", most)
		}
	})
}

func TestShutdownStopsAttemptsAndKeepsTheirTasks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, Options{})
		b.run = until
		b.submit("again", func(s *task.Spec) { s.Restart.Policy = task.OnFailure })
		b.submit("once", nil)
		synctest.Wait()
		if err := b.sup.Shutdown(t.Context()); err != nil {
			t.Fatalf("shutdown: %v", err)
		}
		if got := b.last["again"]; got.Status.Done() {
			t.Errorf("a task that restarts has the outcome %v", outcomeOf(got))
		}
		expect(t, b.last["once"], task.OutcomeLost, task.ReasonHostLost, task.Failed)
		if _, _, err := b.sup.Submit(t.Context(), Submission{Task: &task.Task{}}); !errors.Is(err, task.ErrClosed) {
			t.Errorf("a submission after the shutdown answers %v", err)
		}
	})
}

func TestShutdownNamesStragglers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &bundle{
			t: t, last: map[task.Name]*task.Task{}, changed: make(chan struct{}), queue: make(chan func(), 1<<10),
			build: func(context.Context, *task.Task) error { return nil },
		}
		go func() {
			for f := range b.queue {
				f()
			}
		}()
		defer close(b.queue)
		never := make(chan struct{})
		defer close(never)
		b.run = func(context.Context, Attempt) Result {
			<-never
			return Result{}
		}
		b.sup = New(Options{Journal: b, Executor: b, Index: b})
		b.submit("deaf", nil)
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		var left *StragglersError
		if err := b.sup.Shutdown(ctx); !errors.As(err, &left) || !slices.Equal(left.Names, []task.Name{"deaf"}) {
			t.Errorf("shutdown answers %v", err)
		}
	})
}

func TestDeleteForgetsOnceTheAttemptIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, Options{})
		b.run = until
		b.submit("a", nil)
		synctest.Wait()
		gone, err := b.sup.Delete(t.Context(), "a", task.UID{})
		if gone || err != nil {
			t.Errorf("deletion of a running task answers gone %v, %v", gone, err)
		}
		synctest.Wait()
		if b.last["a"] != nil {
			t.Error("the task is still there")
		}
		b.submit("a", nil) // the name is free
	})
}

func TestApplyBuildsTheNewGenerationFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, Options{})
		var ran []int64
		b.run = func(ctx context.Context, a Attempt) Result {
			ran = append(ran, a.Run.Generation)
			if a.Run.Generation == 1 {
				return until(ctx, a)
			}
			return Result{End: policy.Success}
		}
		first := b.submit("a", nil)
		synctest.Wait()
		change := &task.Task{Metadata: task.Metadata{Name: "a"}, Spec: first.Spec}
		if _, how, err := b.sup.Apply(t.Context(), Change{Task: change}); how != task.AppliedUnchanged || err != nil {
			t.Errorf("applying the same answers %q, %v", how, err)
		}
		change.Spec.Timeout = task.Duration(time.Hour)
		if _, how, err := b.sup.Apply(t.Context(), Change{Task: change}); how != task.AppliedConfigured || err != nil {
			t.Errorf("applying a change answers %q, %v", how, err)
		}
		got := b.wait("a")
		expect(t, got, task.OutcomeCompleted, task.ReasonSucceeded, task.Succeeded)
		if got.Metadata.Generation != 2 || got.Status.Attempt != 2 || !slices.Equal(ran, []int64{1, 2}) {
			t.Errorf("generation %d, attempt %d, ran %v", got.Metadata.Generation, got.Status.Attempt, ran)
		}
		if _, _, err := b.sup.Apply(t.Context(), Change{Task: change, Version: "other", Base: got}); !errors.Is(err, task.ErrConflict) {
			t.Errorf("a wrong version answers %v", err)
		}
	})
}

// A gate is an Index that holds up the controller until it is open.
type gate struct {
	*bundle
	open chan struct{}
}

func (g gate) Lookup(name task.Name) (task.UID, bool) {
	<-g.open
	return g.bundle.Lookup(name)
}

func TestShutdownWaitsForWhatWasDecidedBeforeIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, Options{})
		building, end := make(chan struct{}), make(chan struct{})
		b.build = func(context.Context, *task.Task) error {
			close(building)
			<-end
			return nil
		}
		g := gate{b, make(chan struct{})}
		sup := New(Options{Journal: b, Executor: b, Index: g, Epoch: "e"})
		go func() {
			spec := task.Spec{Slot: "a", Workload: task.Workload{APIVersion: task.APIVersion, Kind: "Subprocess"}}
			_, _, _ = sup.Submit(t.Context(), Submission{Task: &task.Task{Metadata: task.Metadata{Name: "a"}, Spec: spec}})
		}()
		synctest.Wait()
		down := make(chan error, 1)
		go func() { down <- sup.Shutdown(t.Context()) }()
		synctest.Wait()
		close(g.open) // now the submission is decided, and the shutdown after it
		<-building
		synctest.Wait()
		if len(down) > 0 {
			t.Error("the shutdown did not wait for a build")
		}
		close(end)
		if err := <-down; err != nil {
			t.Errorf("shutdown: %v", err)
		}
	})
}

func TestStatusSaysWhatATaskWaitsFor(t *testing.T) {
	for _, c := range []struct {
		result Result
		want   string
	}{
		{Result{End: policy.Success}, "interval"},
		{Result{End: policy.Failure}, "backoff"},
		{Result{End: policy.LostPlugin}, "loss"},
		{Result{End: policy.LostPlugin, RetryAfter: time.Minute}, "capacity"},
		{Result{End: policy.LostPlugin, Down: true}, "runner"},
	} {
		synctest.Test(t, func(t *testing.T) {
			b := setup(t, Options{})
			b.run = func(context.Context, Attempt) Result { return c.result }
			b.submit("a", func(s *task.Spec) {
				s.Restart = task.Restart{Policy: task.Always, Interval: task.Duration(time.Minute)}
				s.Backoff = &task.Backoff{First: task.Duration(time.Minute), Max: task.Duration(time.Minute), Jitter: task.NoJitter}
			})
			synctest.Wait()
			b.mu.Lock()
			defer b.mu.Unlock()
			if got := b.last["a"].Status.Waiting; got != c.want {
				t.Errorf("after %+v it waits for %q, want %q", c.result, got, c.want)
			}
		})
	}
}
