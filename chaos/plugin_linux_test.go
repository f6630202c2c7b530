package chaos

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/soltihq/solti-host/chaos/internal/oracle"
	"github.com/soltihq/solti-host/host/client"
	"github.com/soltihq/solti-host/host/task"
)

// Bounds of what follows from a plugin's failure.
const (
	// lostWithin is how soon attempts are recorded as lost once their plugin is dead.
	lostWithin = 5 * time.Second
	// foundWithin is how soon a plugin is killed that does not answer: three questions, one every
	// 10 s, 2 s for the last answer, and the death.
	foundWithin = 32*time.Second + lostWithin
	// stopWithin is how soon a plugin is killed that does not end an attempt: the grace and 5 s, 2 s for
	// the demand of force, 5 s, 2 s for a sign of life, and the death.
	stopWithin = 14*time.Second + lostWithin
)

// neighbours keep tasks of the other plugin going, and see whether they notice anything.
type neighbours struct {
	*world
	stop context.CancelFunc
	work sync.WaitGroup

	mu      sync.Mutex
	done    int           // guarded by mu
	failed  []string      // guarded by mu
	slowest time.Duration // guarded by mu; from submission to outcome
}

// steadyLines is how much a neighbour's task writes: one line every 10 ms.
const steadyLines = 30

func newNeighbours(w *world) *neighbours {
	ctx, stop := context.WithCancel(w.t.Context())
	n := &neighbours{world: w, stop: stop}
	for i := range 8 {
		n.work.Go(func() {
			for ctx.Err() == nil {
				n.one(i)
			}
		})
	}
	w.t.Cleanup(func() {
		stop()
		n.work.Wait()
	})
	return n
}

// one runs a task from its submission to its end.
func (n *neighbours) one(slot int) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute) // it is ended in order, not cut off
	defer cancel()
	raw := fmt.Sprintf(`{"lines": %d, "every": "10ms"}`, steadyLines)
	began := time.Now()
	t, err := n.client.Create(ctx, &task.Task{APIVersion: task.APIVersion, Kind: task.KindTask, Spec: task.Spec{
		Slot:     task.Slot(fmt.Sprintf("steady-%d", slot)),
		Workload: task.Workload{APIVersion: "chaos.example/v1", Kind: "Steady", Spec: json.RawMessage(raw)},
	}}, client.CreateOptions{})
	why := ""
	if err == nil {
		if t, err = n.client.Wait(ctx, t.Metadata.Name, t.Metadata.UID); err == nil {
			why = n.inspect(ctx, t)
		}
	}
	if err != nil {
		why = err.Error()
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.done++
	n.slowest = max(n.slowest, time.Since(began))
	if why != "" {
		n.failed = append(n.failed, why)
	}
}

// inspect says what is wrong with a task that is over, or nothing.
func (n *neighbours) inspect(ctx context.Context, t *task.Task) string {
	s := t.Status
	if s.Outcome.Kind != task.OutcomeCompleted || s.Attempt != 1 {
		return fmt.Sprintf("%s: %s, %s after %d attempts", t.Metadata.Name, s.Outcome.Kind, s.Outcome.Reason, s.Attempt)
	}
	out := map[int][]byte{}
	err := readOutput(ctx, n.client, t.Metadata.Name, t.Metadata.UID, out, func(_ int, gap int64) {
		n.oddly("%s: %d bytes are missing", t.Metadata.Name, gap)
	})
	if want := (oracle.Intent{Lines: steadyLines}).Output(s.RunID); err != nil || string(out[1]) != string(want) {
		return fmt.Sprintf("%s: %d bytes of output, not %d: %v", t.Metadata.Name, len(out[1]), len(want), err)
	}
	return ""
}

// check ends the neighbours and fails the test if one of them noticed anything.
func (n *neighbours) check() {
	n.t.Helper()
	n.stop()
	n.work.Wait()
	for _, why := range n.failed {
		n.t.Errorf("a task of the other plugin: %s", why)
	}
	if n.done < 8 {
		n.t.Errorf("only %d tasks of the other plugin were run", n.done)
	}
	n.t.Logf("meanwhile %d tasks of the other plugin, all done; the slowest took %s of %s work",
		n.done, n.slowest.Round(time.Millisecond), steadyLines*10*time.Millisecond)
}

// victims are tasks of the plugin that is harmed, one of each policy.
func (w *world) victims() {
	w.t.Helper()
	once := 1
	for _, p := range []payload{
		{name: "never", Intent: oracle.Intent{ID: "never", Policy: task.Never}, work: 10 * time.Minute},
		{name: "retried", Intent: oracle.Intent{ID: "retried", Policy: task.OnFailure, MaxRetries: &once}, work: 10 * time.Minute},
		{name: "stubborn", Intent: oracle.Intent{ID: "stubborn", Policy: task.Always}, work: 10 * time.Minute, manner: stubborn},
		{name: "hidden", Intent: oracle.Intent{ID: "hidden", Policy: task.OnFailure}, work: 10 * time.Minute, manner: hidden},
	} {
		p.Slot = task.Slot(p.name)
		if p.manner == "" {
			p.manner = plain
		}
		if _, err := w.client.Create(w.t.Context(), p.task(w.payloads()), client.CreateOptions{}); err != nil {
			w.t.Fatal(err)
		}
	}
	begun(w.t, w, oracle.Begin, 4)
}

// plugin returns what the host says of the plugin that is harmed.
func (w *world) plugin() *task.Plugin {
	w.t.Helper()
	p, err := w.client.Plugin(w.t.Context(), "subprocess")
	if err != nil {
		w.t.Fatal(err)
	}
	return p
}

// within waits until ok is true, at most limit, and returns how long that took.
func (w *world) within(limit time.Duration, what string, ok func() bool) time.Duration {
	w.t.Helper()
	for began := time.Now(); ; {
		if ok() {
			return time.Since(began)
		}
		if time.Since(began) > limit {
			w.t.Fatalf("not within %s: %s", limit, what)
		}
		wait(w.t.Context(), 5*time.Millisecond)
	}
}

func (w *world) get(name task.Name) *task.Task {
	w.t.Helper()
	t, err := w.client.Get(w.t.Context(), name)
	if err != nil {
		w.t.Fatal(err)
	}
	return t
}

// lost waits until attempt n of every victim that restarts is lost, and the one that does not is over.
func (w *world) lost(limit time.Duration, n int) time.Duration {
	w.t.Helper()
	took := w.within(limit, "attempts are recorded as lost", func() bool {
		for _, name := range []task.Name{"retried", "stubborn", "hidden"} {
			runs, err := w.client.Runs(w.t.Context(), name, task.RunQuery{})
			if err != nil {
				w.t.Fatal(err)
			}
			if len(runs.Items) < n || runs.Items[n-1].Phase != task.LostRun {
				return false
			}
		}
		return w.get("never").Status.Done()
	})
	if s := w.get("never").Status; s.Outcome.Kind != task.OutcomeLost || s.Outcome.Reason != task.ReasonPluginLost || s.Attempt != 1 {
		w.t.Errorf("what never restarts is %+v", s)
	}
	return took
}

// restarted waits until attempt n of the victims that restart has begun.
func (w *world) restarted(n int) time.Duration {
	w.t.Helper()
	return w.within(time.Minute, fmt.Sprintf("attempt %d begins", n), func() bool {
		begins := map[task.Name]int{}
		for _, l := range w.ledger() {
			if l.Kind == oracle.Begin {
				begins[l.Name] = l.Attempt
			}
			if l.Kind == oracle.Overlap {
				w.t.Fatalf("attempts overlap: %+v", l)
			}
		}
		return begins["retried"] >= n && begins["stubborn"] >= n && begins["hidden"] >= n
	})
}

// pluginLoad starts a host with victims and neighbours.
func pluginLoad(t *testing.T) (*world, *neighbours) {
	t.Helper()
	w := setup(t, 0, "grace: 500ms")
	w.ready(w.start())
	w.victims()
	return w, newNeighbours(w)
}

// leave ends the neighbours and the host, in order.
func (w *world) leave(n *neighbours) {
	w.t.Helper()
	n.stop()
	n.work.Wait()
	if took, err := w.current.Stop(30 * time.Second); err != nil {
		w.t.Errorf("%v, after %s", err, took)
	}
	if _, err := w.empty(2 * time.Second); err != nil {
		w.t.Error(err)
	}
}

// A plugin that dies takes its own attempts with it and nothing else. They restart outside maxRetries
// until the plugin is quarantined, and go on with the next host.
func TestAKilledPluginHarmsNobodyElse(t *testing.T) {
	t.Parallel()
	w, n := pluginLoad(t)
	defer w.leave(n)
	const quarantine = 5 // early exits
	for kill := 1; kill <= quarantine; kill++ {
		before := w.plugin()
		if err := syscall.Kill(before.PID, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		lost := w.lost(lostWithin, kill)
		if kill == quarantine {
			took := w.within(lostWithin, "quarantine", func() bool { return w.plugin().State == task.PluginQuarantined })
			t.Logf("kill %d: attempts lost after %s, quarantined after %s", kill, lost.Round(time.Millisecond), (lost + took).Round(time.Millisecond))
			break
		}
		again := w.within(40*time.Second, "the next generation is ready", func() bool {
			p := w.plugin()
			return p.State == task.PluginReady && p.Generation == before.Generation+1
		})
		begins := w.restarted(kill + 1)
		t.Logf("kill %d: attempts lost after %s, plugin ready %s later, attempts restarted %s later",
			kill, lost.Round(time.Millisecond), again.Round(time.Millisecond), begins.Round(time.Millisecond))
	}
	if s := w.get("retried").Status; s.Done() || s.Attempt != quarantine {
		t.Errorf("the task with one retry is at attempt %d after %d losses: %+v", s.Attempt, quarantine, s)
	}
	late := payload{name: "late", Intent: oracle.Intent{ID: "late", Slot: "late", Policy: task.Never}, manner: plain}
	if _, err := w.client.Create(t.Context(), late.task(w.payloads()), client.CreateOptions{}); err != nil {
		t.Errorf("a task for a plugin that is down is refused: %v", err)
	}
	w.within(lostWithin, "a task waits for its runner", func() bool { return w.get("late").Status.Waiting == "runner" })
	n.check()

	if _, err := w.current.Stop(30 * time.Second); err != nil {
		t.Error(err)
	}
	w.ready(w.start())
	w.restarted(quarantine + 1)
	w.within(time.Minute, "the task that waited is over", func() bool { return w.get("late").Status.Done() })
	if out := w.get("late").Status.Outcome; out.Kind != task.OutcomeCompleted {
		t.Errorf("the task that waited ended %+v", out)
	}
}

// A plugin that hangs is found by its silence.
func TestAStoppedPluginIsFoundByItsSilence(t *testing.T) {
	if testing.Short() {
		t.Skip("takes half a minute")
	}
	t.Parallel()
	w, n := pluginLoad(t)
	defer w.leave(n)
	p := w.plugin()
	if err := syscall.Kill(p.PID, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	lost := w.lost(foundWithin, 1)
	w.within(lostWithin, "the exit is told", func() bool { return w.plugin().LastExit != nil })
	if exit := w.plugin().LastExit; exit.Cause != "unresponsive" {
		t.Errorf("the last exit was %+v", exit)
	}
	t.Logf("attempts lost %s after SIGSTOP, restarted %s later", lost.Round(time.Millisecond), w.restarted(2).Round(time.Millisecond))
	n.check()
}

// A plugin that hangs is found sooner when somebody wants one of its attempts to end.
func TestAStoppedPluginIsFoundByACancel(t *testing.T) {
	t.Parallel()
	w, n := pluginLoad(t)
	defer w.leave(n)
	if err := syscall.Kill(w.plugin().PID, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	if err := w.client.Cancel(t.Context(), "hidden", task.UID{}); err != nil {
		t.Fatal(err)
	}
	took := w.within(stopWithin, "the canceled task is over", func() bool { return w.get("hidden").Status.Done() })
	if s := w.get("hidden").Status; s.Outcome.Kind != task.OutcomeCanceled || s.Outcome.Reason != task.ReasonCanceled {
		t.Errorf("the canceled task ended %+v", s.Outcome)
	}
	again := w.within(time.Minute, "another task restarts", func() bool { return w.get("retried").Status.Attempt >= 2 })
	t.Logf("canceled %s after SIGSTOP, others restarted %s later", took.Round(time.Millisecond), again.Round(time.Millisecond))
	if exit := w.plugin().LastExit; exit == nil || !strings.Contains(exit.Cause, "unresponsive") {
		t.Errorf("the last exit was %+v", exit)
	}
	n.check()
}
