package chaos

import (
	"errors"
	"fmt"
	"os/exec"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/soltihq/solti-host/chaos/internal/oracle"
	"github.com/soltihq/solti-host/host/client"
	"github.com/soltihq/solti-host/host/task"
)

// crowd is how many tasks run when the host is asked to end.
const crowd = 200

// crowded starts a host and lets many tasks run, of which every other ignores SIGTERM and every other
// pair restarts.
func crowded(t *testing.T, settings ...string) *world {
	t.Helper()
	w := setup(t, 0, append(settings, "concurrency: 0")...)
	w.ready(w.start())
	numbers := make(chan int)
	var work sync.WaitGroup
	for range 8 {
		work.Go(func() {
			for i := range numbers {
				p := payload{
					name: task.Name(fmt.Sprintf("task-%03d", i)), manner: plain, work: 10 * time.Minute,
					Intent: oracle.Intent{ID: fmt.Sprintf("c%d", i), Slot: task.Slot(fmt.Sprintf("c-%d", i)), Policy: task.Never, Lines: 3},
				}
				if i%2 == 0 {
					p.manner = stubborn
				}
				if restarts(i) {
					p.Policy = task.OnFailure
				}
				if _, err := w.client.Create(t.Context(), p.task(w.payloads()), client.CreateOptions{}); err != nil {
					t.Errorf("create %d: %v", i, err)
				}
			}
		})
	}
	for i := range crowd {
		numbers <- i
	}
	close(numbers)
	work.Wait()
	begun(t, w, oracle.Begin, crowd)
	return w
}

func restarts(i int) bool { return i%4 >= 2 }

// The grace bounds a stop, whatever tasks do about it.
func TestAStopUnderLoadIsBounded(t *testing.T) {
	const grace, slack = 2 * time.Second, 4 * time.Second
	w := crowded(t, "grace: 2s")
	took, err := w.current.Stop(grace + slack)
	if err != nil {
		t.Error(err)
	}
	gone, err := w.empty(time.Second)
	if err != nil {
		t.Error(err)
	}
	t.Logf("%d tasks, half ignoring SIGTERM: stopped in %s with a grace of %s, the last process gone %s later",
		crowd, took.Round(time.Millisecond), grace, gone.Round(time.Millisecond))

	l := w.start()
	w.ready(l)
	begun(t, w, oracle.Begin, crowd+crowd/2)
	for i := range crowd {
		got := w.get(task.Name(fmt.Sprintf("task-%03d", i)))
		s := got.Status
		if restarts(i) {
			if s.Done() || s.Attempt != 2 || s.Phase != task.Running {
				t.Errorf("%s restarts and is %s at attempt %d: %+v", got.Metadata.Name, s.Phase, s.Attempt, s.Outcome)
			}
		} else if !s.Done() || s.Outcome.Kind != task.OutcomeLost || s.Outcome.Reason != task.ReasonHostLost || s.Attempt != 1 {
			t.Errorf("%s never restarts and is %s at attempt %d: %+v", got.Metadata.Name, s.Phase, s.Attempt, s.Outcome)
		}
	}
	if _, err := l.Stop(grace + slack); err != nil {
		t.Error(err)
	}
	if bad := w.errors(); len(bad) > 0 {
		t.Errorf("in the log: %q", bad)
	}
}

// Who does not want to wait for the grace asks twice.
func TestASecondSignalEndsTheGrace(t *testing.T) {
	const limit = 6 * time.Second
	w := crowded(t, "grace: 5m")
	if err := w.current.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	select {
	case <-w.current.Gone():
		t.Fatal("the host did not wait for tasks that ignore SIGTERM")
	case <-time.After(700 * time.Millisecond):
	}
	took, err := w.current.Stop(limit)
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		t.Error(err)
	}
	if _, err := w.empty(time.Second); err != nil {
		t.Error(err)
	}
	t.Logf("stopped %s after the second signal, with a grace of 5m: %v", took.Round(time.Millisecond), err)
	w.ready(w.start())
	begun(t, w, oracle.Begin, crowd+crowd/2)
}
