package supervisor

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/soltihq/solti-host/host/internal/event"
	"github.com/soltihq/solti-host/host/internal/policy"
	"github.com/soltihq/solti-host/host/task"
)

// The code of an embedded task is gone with the host that ran it. If the task went on, nobody could
// submit it again, the host's own sweep included.
func TestEmbeddedTasksEndWithTheHostWhateverTheirPolicy(t *testing.T) {
	for _, running := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			b := setup(t, Options{})
			old := &task.Task{
				Metadata: task.Metadata{Name: "sweep", UID: task.NewUID(time.Now()), Generation: 1},
				Spec: task.Spec{
					Slot: "sweep", Restart: task.Restart{Policy: task.Always, Interval: task.Duration(time.Minute)},
					Workload: task.Workload{APIVersion: task.Embedded.APIVersion, Kind: task.Embedded.Name},
				},
				Status: task.Status{Phase: task.Running, Attempt: 1, ObservedGeneration: 1},
			}
			last := &task.Run{Attempt: 1, Generation: 1, RunID: "embedded-sweep-1", Phase: task.Running, StartedAt: time.Now()}
			if !running {
				last.Phase, last.FinishedAt = task.Succeeded, time.Now()
			}
			restored := Restored{Task: old, Book: event.Book{Owner: true, Order: 1, System: true}, Last: last}
			if err := b.sup.Restore(t.Context(), []Restored{restored}, nil); err != nil {
				t.Fatal(err)
			}
			b.mu.Lock()
			over := b.last["sweep"]
			b.mu.Unlock()
			if over == nil || !over.Status.Done() {
				t.Fatalf("running %t: after a restart the task is %+v", running, over)
			}
			expect(t, over, task.OutcomeLost, task.ReasonHostLost, task.Failed)
			again, _, err := b.sup.Apply(t.Context(), Change{
				Task: &task.Task{Metadata: task.Metadata{Name: "sweep"}, Spec: old.Spec}, Base: over, Adopt: true, System: true,
			})
			if err != nil || again.Status.Done() {
				t.Errorf("the task comes again: %+v, %v", again, err)
			}
		})
	}
}

// A task whose plugin died waits for the next one; it does not spend attempts on a plugin that is down.
func TestALostAttemptIsFollowedByABuild(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, Options{})
		up := true
		b.build = func(context.Context, *task.Task) error {
			if !up {
				return ErrDown
			}
			return nil
		}
		b.run = func(_ context.Context, a Attempt) Result {
			a.Started()
			if a.Run.Attempt == 1 {
				up = false
				return Result{End: policy.LostPlugin}
			}
			return Result{End: policy.Success}
		}
		b.submit("a", func(s *task.Spec) { s.Restart.Policy = task.OnFailure })
		time.Sleep(time.Hour)
		synctest.Wait()
		if s := b.last["a"].Status; s.Attempt != 1 || s.Waiting != "runner" {
			t.Errorf("without its plugin the task is at attempt %d and waits for %q", s.Attempt, s.Waiting)
		}
		up = true
		b.sup.RunnersChanged()
		expect(t, b.wait("a"), task.OutcomeCompleted, task.ReasonSucceeded, task.Succeeded)
		if got := b.wait("a").Status.Attempt; got != 2 {
			t.Errorf("attempt %d, want 2", got)
		}
	})
}
