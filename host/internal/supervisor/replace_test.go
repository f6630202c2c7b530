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
