package supervisor

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/soltihq/solti-host/host/internal/policy"
	"github.com/soltihq/solti-host/host/task"
)

// Whoever does not want to wait for attempts waits for the records of what is known all the same.
func TestAShutdownInAHurryWaitsForTheDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &bundle{
			t: t, last: map[task.Name]*task.Task{}, changed: make(chan struct{}), queue: make(chan func(), 1<<10),
			build: func(context.Context, *task.Task) error { return nil }, delay: time.Second,
		}
		go func() {
			for f := range b.queue {
				f()
			}
		}()
		defer close(b.queue)
		end := make(chan struct{})
		defer close(end)
		b.run = func(_ context.Context, a Attempt) Result {
			a.Started()
			<-end
			return Result{End: policy.Stopped}
		}
		b.sup = New(Options{Journal: b, Executor: b, Index: b, Epoch: "e"})
		b.submit("a", nil)
		time.Sleep(5 * time.Second)
		if err := b.sup.Cancel(t.Context(), "a", task.UID{}); err != nil {
			t.Fatal(err)
		}
		hurry, cancel := context.WithCancel(t.Context())
		cancel()
		err := b.sup.Shutdown(hurry)
		var stragglers *StragglersError
		if !errors.As(err, &stragglers) || err.Error() != stragglers.Error() {
			t.Errorf("shutdown: %v, want nothing but the name of what still runs", err)
		}
		expect(t, b.wait("a"), task.OutcomeForceAborted, task.ReasonGraceExceeded, task.Canceled)
	})
}
