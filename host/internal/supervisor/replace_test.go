package supervisor

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/soltihq/solti-host/host/internal/policy"
	"github.com/soltihq/solti-host/host/task"
)

// A replacement that is removed after its victim was asked to end comes too late to spare it: the
// victim was replaced, it was not lost.
func TestAVictimThatWasAskedToEndIsNotSpared(t *testing.T) {
	for _, policies := range []task.RestartPolicy{task.Never, task.OnFailure, task.Always} {
		synctest.Test(t, func(t *testing.T) {
			b := setup(t, Options{})
			b.run = func(ctx context.Context, a Attempt) Result {
				a.Started()
				<-ctx.Done()
				time.Sleep(3 * time.Second) // it takes its time to end
				return Result{End: policy.Stopped}
			}
			b.submit("old", func(s *task.Spec) { s.Slot, s.Restart.Policy = "x", policies })
			synctest.Wait()
			b.submit("new", func(s *task.Spec) { s.Slot, s.Admission = "x", task.Replace })
			synctest.Wait()
			if err := b.sup.Cancel(t.Context(), "new", task.UID{}); err != nil {
				t.Fatal(err)
			}
			expect(t, b.wait("new"), task.OutcomeRejected, task.ReasonRemoved, task.Canceled)
			expect(t, b.wait("old"), task.OutcomeCanceled, task.ReasonReplaced, task.Canceled)
		})
	}
}

// An attempt that succeeds although it was asked to end does not make a later generation succeed,
// which never ran: that one is replaced with its slot, or goes on in another.
func TestASuccessIsNotThatOfALaterGeneration(t *testing.T) {
	for _, slot := range []task.Slot{"x", "y"} {
		synctest.Test(t, func(t *testing.T) {
			b := setup(t, Options{})
			b.run = func(ctx context.Context, a Attempt) Result {
				a.Started()
				if a.Task.Metadata.Name == "old" && a.Run.Attempt == 1 {
					<-ctx.Done()
					time.Sleep(3 * time.Second) // it takes its time to end
				}
				return Result{End: policy.Success}
			}
			old := b.submit("old", func(s *task.Spec) { s.Slot = "x" })
			synctest.Wait()
			b.submit("new", func(s *task.Spec) { s.Slot, s.Admission = "x", task.Replace })
			synctest.Wait()
			next := *old
			next.Spec.Slot, next.Spec.Workload.Spec = slot, []byte(`{"n":2}`)
			if _, _, err := b.sup.Apply(t.Context(), Change{Task: &next}); err != nil {
				t.Fatal(err)
			}
			got := b.wait("old")
			if slot == "x" {
				expect(t, got, task.OutcomeCanceled, task.ReasonReplaced, task.Canceled)
			} else {
				expect(t, got, task.OutcomeCompleted, task.ReasonSucceeded, task.Succeeded)
				if got.Status.Attempt != 2 || got.Metadata.Generation != 2 {
					t.Errorf("it is over at attempt %d of generation %d, want 2 of 2", got.Status.Attempt, got.Metadata.Generation)
				}
			}
			expect(t, b.wait("new"), task.OutcomeCompleted, task.ReasonSucceeded, task.Succeeded)
		})
	}
}

// Replacements take their turn in the window like everybody else: a hundred of them do not become a
// hundred builds at one time.
func TestReplacementsAreBuiltWithinTheWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const window, slots = 4, 100
		b := setup(t, Options{Window: window})
		var mu sync.Mutex
		now, most := 0, 0
		b.build = func(context.Context, *task.Task) error {
			mu.Lock()
			now++
			most = max(most, now)
			mu.Unlock()
			time.Sleep(50 * time.Millisecond)
			mu.Lock()
			now--
			mu.Unlock()
			return nil
		}
		b.run = func(ctx context.Context, a Attempt) Result {
			a.Started()
			if strings.HasPrefix(string(a.Task.Metadata.Name), "new") {
				return Result{End: policy.Success}
			}
			<-ctx.Done()
			return Result{End: policy.Stopped}
		}
		for _, name := range []string{"old", "new"} {
			for i := range slots {
				b.submit(task.Name(fmt.Sprint(name, i)), func(s *task.Spec) {
					s.Slot, s.Admission = task.Slot(fmt.Sprint("slot", i)), task.Replace
				})
			}
			time.Sleep(time.Minute)
		}
		for i := range slots {
			expect(t, b.wait(task.Name(fmt.Sprint("old", i))), task.OutcomeCanceled, task.ReasonReplaced, task.Canceled)
			expect(t, b.wait(task.Name(fmt.Sprint("new", i))), task.OutcomeCompleted, task.ReasonSucceeded, task.Succeeded)
		}
		if most != window {
			t.Errorf("%d builds at one time, want %d", most, window)
		}
	})
}

func TestAnHeirThatWaitsForAPermitSaysSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, Options{Permits: 1})
		b.run = func(ctx context.Context, a Attempt) Result {
			time.Sleep(time.Minute)
			return Result{End: policy.Success}
		}
		first := b.submit("first", func(s *task.Spec) { s.Slot = "x" })
		synctest.Wait() // it has the permit: builds may end in any order
		b.submit("other", func(s *task.Spec) { s.Slot = "y" })
		b.submit("heir", func(s *task.Spec) { s.Slot, s.Admission = "x", task.Queue })
		b.wait(first.Metadata.Name)
		synctest.Wait()
		b.mu.Lock()
		defer b.mu.Unlock()
		if got := b.last["heir"].Status.Waiting; got != "permit" {
			t.Errorf("it waits for %q, want a permit", got)
		}
	})
}
