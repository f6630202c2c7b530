package supervisor

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/soltihq/solti-host/host/internal/policy"
	"github.com/soltihq/solti-host/host/task"
)

// hang is a build whose runner does not answer until the build is given up.
func hang(ctx context.Context, _ *task.Task) error {
	<-ctx.Done()
	return context.Cause(ctx)
}

func TestShutdownKeepsTasksWhoseBuildsItGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, Options{})
		b.build = hang
		b.submit("a", nil)
		synctest.Wait()
		if err := b.sup.Shutdown(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := b.last["a"]; got.Status.Done() {
			t.Errorf("the task has the outcome %v", outcomeOf(got))
		}
	})
}

func TestApplyGivesUpTheBuildBeforeItsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, Options{})
		b.build = func(ctx context.Context, t *task.Task) error {
			if t.Metadata.Generation == 1 {
				return hang(ctx, t)
			}
			return nil
		}
		first := b.submit("a", nil)
		synctest.Wait()
		change := &task.Task{Metadata: task.Metadata{Name: "a"}, Spec: first.Spec}
		change.Spec.Timeout = task.Duration(time.Hour)
		if _, _, err := b.sup.Apply(t.Context(), Change{Task: change}); err != nil {
			t.Fatal(err)
		}
		got := b.wait("a")
		expect(t, got, task.OutcomeCompleted, task.ReasonSucceeded, task.Succeeded)
		if got.Status.ObservedGeneration != 2 {
			t.Errorf("generation %d ran, want 2", got.Status.ObservedGeneration)
		}
	})
}

func TestRunnerIsAskedAgain(t *testing.T) {
	for name, c := range map[string]struct {
		err  error
		wake func(b *bundle)
	}{
		"after a while":                       {&LaterError{After: time.Minute, Err: ErrDown}, func(*bundle) { time.Sleep(time.Minute) }},
		"when runners change":                 {ErrDown, func(b *bundle) { b.sup.RunnersChanged() }},
		"when they changed before its answer": {ErrDown, func(*bundle) {}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := setup(t, Options{})
				asked := 0
				b.build = func(context.Context, *task.Task) error {
					asked++
					if asked > 1 {
						return nil
					}
					if name == "when they changed before its answer" {
						b.sup.RunnersChanged()
						time.Sleep(time.Second)
					}
					return c.err
				}
				b.submit("a", nil)
				synctest.Wait()
				c.wake(b)
				expect(t, b.wait("a"), task.OutcomeCompleted, task.ReasonSucceeded, task.Succeeded)
			})
		})
	}
}

func TestRunnerThatHangsDoesNotKeepOthersWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, Options{Window: 2})
		b.build = func(ctx context.Context, t *task.Task) error {
			if t.Metadata.Name == "healthy" {
				return nil
			}
			return hang(ctx, t)
		}
		hung := []task.Name{"a", "b", "c", "d"}
		for _, n := range hung {
			b.submit(n, nil)
		}
		start := time.Now()
		b.submit("healthy", nil)
		b.wait("healthy")
		if took := time.Since(start); took > time.Second {
			t.Errorf("it took %v", took)
		}
	})
}

func TestRoomOfARunnerBoundsItsAttempts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, Options{})
		b.room = 2
		var mu sync.Mutex
		now, most, runs := 0, 0, 0
		b.run = func(context.Context, Attempt) Result {
			mu.Lock()
			now++
			runs++
			most = max(most, now)
			mu.Unlock()
			time.Sleep(time.Second)
			mu.Lock()
			now--
			mu.Unlock()
			return Result{End: policy.Success}
		}
		names := []task.Name{"a", "b", "c", "d", "e", "f", "g"}
		for _, n := range names {
			b.submit(n, nil)
		}
		for _, n := range names {
			b.wait(n)
		}
		if most != 2 || runs != len(names) {
			t.Errorf("%d attempts at one time, want 2; %d in all, want %d", most, runs, len(names))
		}
	})
}

func TestRunnerThatEndsAttemptsUnaskedLosesThem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, Options{})
		runs := 0
		b.run = func(context.Context, Attempt) Result {
			runs++
			return Result{End: policy.Stopped}
		}
		b.submit("a", func(s *task.Spec) { s.Restart.Policy = task.OnFailure })
		expect(t, b.wait("a"), task.OutcomeLost, task.ReasonPluginLost, task.Failed)
		if runs != policy.MaxLosses+1 {
			t.Errorf("%d attempts, want %d", runs, policy.MaxLosses+1)
		}
	})
}
