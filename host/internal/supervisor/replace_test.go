package supervisor

import (
	"context"
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
