package supervisor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/soltihq/solti-host/host/internal/event"
	"github.com/soltihq/solti-host/host/internal/policy"
	"github.com/soltihq/solti-host/host/task"
)

type ex struct {
	build   func(ctx context.Context, t *task.Task) (string, error)
	run     func(ctx context.Context, a Attempt) Result
	release func(t *task.Task)
}

func (e *ex) Build(ctx context.Context, t *task.Task) (string, error) { return e.build(ctx, t) }
func (e *ex) Run(ctx context.Context, a Attempt) Result               { return e.run(ctx, a) }
func (e *ex) Release(t *task.Task) {
	if e.release != nil {
		e.release(t)
	}
}

func setupEx(t *testing.T, e *ex) *bundle {
	b := &bundle{t: t, last: map[task.Name]*task.Task{}, changed: make(chan struct{}), queue: make(chan func(), 1<<16)}
	committed := make(chan struct{})
	go func() {
		defer close(committed)
		for f := range b.queue {
			f()
		}
	}()
	b.sup = New(Options{Journal: b, Executor: e, Index: b, Epoch: "e"})
	t.Cleanup(func() {
		b.sup.Shutdown(context.Background())
		close(b.queue)
		<-committed
	})
	return b
}

func slowBuild(d time.Duration) func(ctx context.Context, t *task.Task) (string, error) {
	return func(ctx context.Context, t *task.Task) (string, error) {
		select {
		case <-time.After(d):
			return "r", nil
		case <-ctx.Done():
			return "", context.Cause(ctx) // as execute.settle does
		}
	}
}

func get(b *bundle, n task.Name) *task.Task { b.mu.Lock(); defer b.mu.Unlock(); return b.last[n] }
func show(t *task.Task) string             { s, _ := json.Marshal(t.Status); return string(s) }

// A: graceful shutdown while a build is on its way
func TestRevShutdownDuringBuild(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := setupEx(t, &ex{build: slowBuild(time.Second), run: until})
		b.submit("a", nil)
		synctest.Wait()
		b.sup.Shutdown(context.Background())
		got := get(b, "a")
		if got.Status.Done() {
			t.Errorf("an accepted task was ended by a graceful shutdown: %s", show(got))
		}
	})
}

func (b *bundle) apply(name task.Name, change func(*task.Spec)) (task.Applied, error) {
	spec := task.Spec{Slot: task.Slot(name), Workload: task.Workload{APIVersion: task.APIVersion, Kind: "Subprocess"}}
	change(&spec)
	_, how, err := b.sup.Apply(b.t.Context(), Change{Task: &task.Task{Metadata: task.Metadata{Name: name}, Spec: spec}})
	return how, err
}

// B: apply while a build is on its way
func TestRevApplyDuringBuild(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := setupEx(t, &ex{build: slowBuild(time.Second), run: until})
		b.submit("a", nil)
		synctest.Wait()
		how, err := b.apply("a", func(s *task.Spec) { s.Timeout = task.Duration(time.Hour) })
		t.Log(how, err)
		time.Sleep(3 * time.Second)
		synctest.Wait()
		if got := get(b, "a"); got.Status.Phase != task.Running {
			t.Errorf("after apply during build: %s", show(got))
		}
	})
}

// B2: second apply while the build of the first runs beside an attempt
func TestRevApplyTwiceWhileRunning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := setupEx(t, &ex{build: slowBuild(time.Second), run: until})
		b.submit("a", nil)
		time.Sleep(2 * time.Second)
		b.apply("a", func(s *task.Spec) { s.Timeout = task.Duration(time.Hour) })
		synctest.Wait()
		b.apply("a", func(s *task.Spec) { s.Timeout = task.Duration(2 * time.Hour) })
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if got := get(b, "a"); got.Status.ObservedGeneration != 3 {
			t.Errorf("after two applies: %s", show(got))
		}
	})
}

// C: ErrDown from a ready runner, e.g. a deadline, capacity: nothing changes afterwards
func TestRevBuildDownIsNeverRetried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var n atomic.Int32
		b := setupEx(t, &ex{build: func(context.Context, *task.Task) (string, error) {
			if n.Add(1) == 1 {
				return "", fmt.Errorf("%w: BuildTask: plugin takes no more work for 5s", ErrDown)
			}
			return "r", nil
		}, run: until})
		b.submit("a", nil)
		time.Sleep(24 * time.Hour)
		synctest.Wait()
		if got := get(b, "a"); got.Status.Phase != task.Running {
			t.Errorf("a day later, %d builds: %s", n.Load(), show(got))
		}
	})
}

// C2: the lost wake-up
func TestRevLostWakeup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ready := false
		checked, goOn := make(chan struct{}), make(chan struct{})
		b := setupEx(t, &ex{build: func(context.Context, *task.Task) (string, error) {
			if !ready {
				close(checked)
				<-goOn
				return "", ErrDown
			}
			return "r", nil
		}, run: until})
		b.submit("a", nil)
		<-checked
		ready = true
		b.sup.RunnersChanged()
		synctest.Wait()
		close(goOn)
		time.Sleep(24 * time.Hour)
		synctest.Wait()
		if got := get(b, "a"); got.Status.Phase != task.Running {
			t.Errorf("a day later: %s", show(got))
		}
	})
}

// D: new generation's runner is down for a moment while the old attempt runs
func TestRevApplyWhileNewRunnerDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		down := false
		b := setupEx(t, &ex{build: func(context.Context, *task.Task) (string, error) {
			if down {
				return "", ErrDown
			}
			return "r", nil
		}, run: until})
		b.submit("a", nil)
		synctest.Wait()
		down = true
		b.apply("a", func(s *task.Spec) { s.Timeout = task.Duration(100 * time.Hour) })
		synctest.Wait()
		down = false
		b.sup.RunnersChanged()
		time.Sleep(24 * time.Hour)
		synctest.Wait()
		if got := get(b, "a"); got.Status.ObservedGeneration != 2 {
			t.Errorf("a day later: generation %d %s", got.Metadata.Generation, show(got))
		}
	})
}

// E: old handles
func TestRevOldHandleIsReleased(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rel := map[int64]bool{}
		b := setupEx(t, &ex{build: slowBuild(0), run: until, release: func(t *task.Task) { rel[t.Metadata.Generation] = true }})
		b.submit("a", nil)
		time.Sleep(time.Second)
		for i := range 5 {
			b.apply("a", func(s *task.Spec) { s.Timeout = task.Duration(time.Duration(i+1) * time.Hour) })
			time.Sleep(time.Second)
		}
		b.sup.Cancel(t.Context(), "a", task.UID{})
		b.wait("a")
		synctest.Wait()
		t.Logf("released generations %v of 6", rel)
		if len(rel) != 6 {
			t.Errorf("released generations %v of 6", rel)
		}
	})
}

// F: restored embedded, running at the crash, restart always
func TestRevRestoredEmbedded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := setupEx(t, &ex{build: func(context.Context, *task.Task) (string, error) {
			return "", &task.Error{Reason: task.ReasonNoRunner, Message: "the host has no code", Err: task.ErrNoRunner}
		}, run: until})
		uid := task.NewUID(time.Now())
		tk := &task.Task{Metadata: task.Metadata{Name: "sweep", UID: uid, Generation: 1, ResourceVersion: "e-5"},
			Spec:   task.Spec{Slot: "sweep", Workload: task.Workload{APIVersion: task.Embedded.APIVersion, Kind: task.Embedded.Name}, Restart: task.Restart{Policy: task.Always, Interval: task.Duration(time.Minute)}},
			Status: task.Status{Phase: task.Running, Attempt: 3, ObservedGeneration: 1, Runner: "embedded"}}
		err := b.sup.Restore(t.Context(), []Restored{{Task: tk, Book: event.Book{Revision: 5, Order: 1, Owner: true, System: true},
			Last: &task.Run{Attempt: 3, Generation: 1, Phase: task.Running}}}, nil)
		if err != nil {
			t.Fatal(err)
		}
		c := *tk
		c.Status = task.Status{}
		_, _, err = b.sup.Apply(t.Context(), Change{Task: &c, Adopt: true, System: true})
		if err != nil {
			t.Errorf("what startSweep gets: %v", err)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if got := get(b, "sweep"); got.Status.Outcome == nil || got.Status.Outcome.Kind != task.OutcomeLost {
			t.Errorf("open embedded tasks are to end lost: %s", show(got))
		}
	})
}

// G: Shutdown with a journal that does not answer (disk full)
type stuckJournal struct{ *bundle }

func (stuckJournal) Append([]event.Record, func(error)) {}

func TestRevShutdownWithStuckJournal(t *testing.T) {
	s := New(Options{Journal: stuckJournal{}, Executor: &ex{}, Index: nil})
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	done := make(chan struct{})
	go func() { s.Shutdown(ctx); close(done) }()
	select {
	case <-done:
	case <-time.After(3 * time.Second):
		t.Error("Shutdown ignores its context while the journal waits for room")
	}
}

// H: records of runnersChanged
func TestRevRunnersChangedStorm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := setupEx(t, &ex{build: func(context.Context, *task.Task) (string, error) { return "", ErrDown }, run: until})
		for i := range 100 {
			b.submit(task.Name(fmt.Sprintf("t%d", i)), nil)
		}
		synctest.Wait()
		before := len(b.records)
		for range 10 {
			b.sup.RunnersChanged()
			synctest.Wait()
		}
		t.Logf("%d records for 10 changes of plugins, 100 tasks waiting; %s", len(b.records)-before, get(b, "t1").Metadata.ResourceVersion)
		if len(b.records) != before {
			t.Errorf("%d records though nothing has changed", len(b.records)-before)
		}
	})
}

// I: plugin ends attempts as canceled on its own
func TestRevUnaskedCanceled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var n atomic.Int32
		b := setupEx(t, &ex{build: slowBuild(0), run: func(context.Context, Attempt) Result {
			n.Add(1)
			return Result{End: policy.Stopped}
		}})
		b.submit("a", func(s *task.Spec) { s.Restart.Policy = task.OnFailure })
		b.submit("b", nil)
		time.Sleep(time.Second)
		synctest.Wait()
		t.Logf("b: %s", show(get(b, "b")))
		if n.Load() > 20 {
			t.Errorf("%d attempts in one second", n.Load())
		}
	})
}

// J: window is shared by runners
func TestRevHungRunnerBlocksOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := setupEx(t, &ex{build: func(ctx context.Context, k *task.Task) (string, error) {
			if k.Metadata.Labels["hung"] != "" {
				return slowBuild(10*time.Second)(ctx, k)
			}
			return "r", nil
		}, run: func(context.Context, Attempt) Result { return Result{End: policy.Success} }})
		for i := range 64 * 3 {
			n := task.Name(fmt.Sprintf("h%d", i))
			b.sup.Submit(t.Context(), Submission{Task: &task.Task{Metadata: task.Metadata{Name: n, Labels: map[string]string{"hung": "y"}}, Spec: task.Spec{Slot: task.Slot(n), Workload: task.Workload{APIVersion: task.APIVersion, Kind: "Subprocess"}}}})
		}
		start := time.Now()
		b.submit("good", nil)
		b.wait("good")
		if d := time.Since(start); d > time.Second {
			t.Errorf("a task of another runner waited %s", d)
		}
	})
}

// K: Shutdown returns while an attempt runs
func TestRevShutdownMissesAttempt(t *testing.T) {
	building, goOn := make(chan struct{}), make(chan struct{})
	var ended atomic.Bool
	ran := make(chan struct{})
	e := &ex{build: func(_ context.Context, k *task.Task) (string, error) {
		if k.Metadata.Name == "other" {
			return "", ErrDown
		}
		close(building)
		<-goOn
		return "r", nil
	},
		run: func(ctx context.Context, a Attempt) Result {
			close(ran)
			<-ctx.Done()
			time.Sleep(300 * time.Millisecond)
			ended.Store(true)
			return Result{End: policy.Stopped}
		}}
	b := &bundle{t: t, last: map[task.Name]*task.Task{}, changed: make(chan struct{}), queue: make(chan func(), 1<<16)}
	go func() {
		for f := range b.queue {
			f()
		}
	}()
	x := &blockingIndex{bundle: b, in: make(chan struct{}), out: make(chan struct{})}
	b.sup = New(Options{Journal: b, Executor: e, Index: x, Epoch: "e"})
	b.submit("a", nil)
	<-building
	x.on.Store(true)
	go b.submit("other", nil) // the controller is busy in the index
	<-x.in
	x.on.Store(false)
	close(goOn) // buildDone goes to the inbox; the build goroutine ends
	time.Sleep(50 * time.Millisecond)
	done := make(chan error)
	go func() { done <- b.sup.Shutdown(context.Background()) }()
	time.Sleep(50 * time.Millisecond)
	close(x.out)
	err := <-done
	select {
	case <-ran:
		if !ended.Load() {
			t.Errorf("Shutdown returned %v while an attempt runs: %s", err, show(get(b, "a")))
		}
	case <-time.After(200 * time.Millisecond):
		t.Log("no attempt was started")
	}
	time.Sleep(500 * time.Millisecond)
	close(b.queue)
}

type blockingIndex struct {
	*bundle
	on      atomic.Bool
	in, out chan struct{}
}

func (x *blockingIndex) Lookup(n task.Name) (task.UID, bool) {
	if x.on.Load() {
		close(x.in)
		<-x.out
	}
	return x.bundle.Lookup(n)
}

var _ = errors.New

func mk(name task.Name, slot task.Slot, f func(*task.Spec)) *task.Task {
	k := &task.Task{Metadata: task.Metadata{Name: name}, Spec: task.Spec{Slot: slot, Workload: task.Workload{APIVersion: task.APIVersion, Kind: "Subprocess"}}}
	if f != nil {
		f(&k.Spec)
	}
	return k
}

// a machine whose builds and attempts the test ends by hand; everything is durable at once
type hand struct {
	*machine
	now  time.Time
	last map[task.Name]*task.Task
	n    int
}

func newHand(l limits) *hand {
	h := &hand{now: time.Now(), last: map[task.Name]*task.Task{}}
	h.machine = newMachine(l, "e", event.Counters{}, h)
	return h
}
func (h *hand) Lookup(n task.Name) (task.UID, bool) {
	if k := h.last[n]; k != nil && k.Status.Done() {
		return k.Metadata.UID, true
	}
	return task.UID{}, false
}
func (h *hand) Version(u task.UID) string {
	for _, k := range h.last {
		if k.Metadata.UID == u {
			return k.Metadata.ResourceVersion
		}
	}
	return ""
}
func (h *hand) do(in input) unit {
	out := h.step(in, h.now, 0.5, h.units)
	h.n += len(out.records)
	for _, r := range out.records {
		if r.Kind == event.Removed {
			delete(h.last, r.Task.Metadata.Name)
		} else if r.Kind != event.Pruned {
			h.last[r.Task.Metadata.Name] = r.Task
		}
	}
	return out
}
func (h *hand) builtAll() {
	for _, e := range h.entries {
		if e.token != 0 {
			h.do(buildDone{uid: e.uid(), token: e.token, runner: "r"})
		}
	}
}

// L: a victim that moves away keeps its sentence
func TestRevMovedVictim(t *testing.T) {
	h := newHand(limits{window: 64, slotQueue: 10})
	h.do(submit{task: mk("v", "s", func(s *task.Spec) { s.Restart.Policy = task.OnFailure })})
	h.builtAll()
	v := h.names["v"]
	h.do(ended{uid: v.uid(), attempt: 1, result: Result{End: policy.Failure}})
	h.do(submit{task: mk("r", "s", func(s *task.Spec) { s.Admission = task.Replace })}) // build on its way
	t.Log(v.state == waiting, v.book.Stop)
	h.do(apply{task: mk("v", "elsewhere", func(s *task.Spec) { s.Restart.Policy = task.OnFailure })})
	h.builtAll()
	v = h.names["v"]
	t.Log(v.state == running, v.slot.key, "stop:", v.book.Stop)
	h.do(ended{uid: v.uid(), attempt: 2, result: Result{End: policy.Failure, Failure: &task.Failure{Reason: task.ReasonExit}}})
	if k := h.last["v"]; k.Status.Done() {
		t.Errorf("v moved out of the way and was replaced all the same: %s", show(k))
	}
}

// M: image of a queued task after an apply, and of an owner
func TestRevWaitingImage(t *testing.T) {
	h := newHand(limits{permits: 1, window: 64, slotQueue: 10})
	h.do(submit{task: mk("o", "s", nil)})
	h.do(submit{task: mk("q", "s", func(s *task.Spec) { s.Admission = task.Queue })})
	before := h.last["q"].Status.Waiting
	h.do(apply{task: mk("q", "s", func(s *task.Spec) { s.Admission = task.Queue; s.Timeout = 5e9 })})
	if after := h.last["q"].Status.Waiting; after != before {
		t.Errorf("waiting was %q, is %q after an apply in the queue", before, after)
	}
	h.do(submit{task: mk("x", "x", nil)})
	h.builtAll() // o runs; x waits for the permit
	t.Log(show(h.last["x"]))
	h.do(stop{name: "o", reason: task.ReasonCanceled})
	h.do(ended{uid: h.names["o"].uid(), attempt: 1, result: Result{End: policy.Stopped}})
	t.Logf("q owns=%v, waiting %q", h.names["q"].owns(), h.last["q"].Status.Waiting)
}

// O: retention and revival
func TestRevForgetAfterRevival(t *testing.T) {
	h := newHand(limits{window: 64, slotQueue: 10})
	h.do(submit{task: mk("a", "s", nil)})
	h.builtAll()
	uid := h.names["a"].uid()
	h.do(ended{uid: uid, attempt: 1, result: Result{End: policy.Success}})
	old := h.last["a"] // an hour later: Expired and GetUID
	h.now = h.now.Add(time.Hour)
	h.do(apply{task: mk("a", "s", func(s *task.Spec) { s.Timeout = 5e9 }), base: old})
	h.builtAll()
	h.do(ended{uid: uid, attempt: 2, result: Result{End: policy.Success}})
	h.do(forgetFinished{remove: []*task.Task{old}, to: make(chan answer, 1)})
	if h.last["a"] == nil {
		t.Error("the sweep forgot a task that had come to life and ended again meanwhile")
	}
}

// R: lines
func TestRevLines(t *testing.T) {
	h := newHand(limits{permits: 1, window: 1, slotQueue: 10})
	h.do(submit{task: mk("hog", "hog", nil)})
	h.builtAll()
	h.do(submit{task: mk("hog2", "hog2", nil)})
	h.builtAll()
	for i := range 100000 {
		n := task.Name(fmt.Sprintf("n%d", i))
		h.do(submit{task: mk(n, task.Slot(n), nil)})
		h.do(stop{name: n, reason: task.ReasonDeleted, to: make(chan answer, 1)})
	}
	t.Logf("entries %d, ready line %d, limbo %d", len(h.entries), len(h.ready.line), len(h.limbo.names))
	if len(h.ready.line) > 1000 {
		t.Errorf("the line holds %d tasks that are gone", len(h.ready.line))
	}
}

// U: a runner with room for one attempt, 1000 tasks
func TestRevCapacity(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var busy atomic.Bool
		b := setupEx(t, &ex{build: slowBuild(0), run: func(ctx context.Context, a Attempt) Result {
			if !busy.CompareAndSwap(false, true) {
				return Result{End: policy.LostPlugin, RetryAfter: time.Second, Failure: &task.Failure{Reason: task.ReasonLost, Message: "full"}}
			}
			a.Started()
			time.Sleep(time.Minute)
			busy.Store(false)
			return Result{End: policy.Success}
		}})
		for i := range 1000 {
			b.submit(task.Name(fmt.Sprintf("t%d", i)), nil)
		}
		time.Sleep(60 * time.Second)
		synctest.Wait()
		b.mu.Lock()
		t.Logf("%d records in one minute; one of them: %s", len(b.records), show(b.last["t500"]))
		b.mu.Unlock()
	})
}

// Y: apply to a task that is being canceled
func TestRevApplyWhileCanceling(t *testing.T) {
	h := newHand(limits{window: 64, slotQueue: 10})
	h.do(submit{task: mk("a", "s", nil)})
	h.builtAll()
	h.do(stop{name: "a", reason: task.ReasonCanceled})
	to := make(chan answer, 1)
	out := h.do(apply{task: mk("a", "s", func(s *task.Spec) { s.Timeout = 5e9 }), to: to})
	for _, f := range out.effects {
		if r, ok := f.(reply); ok {
			t.Log("apply answered", r.answer.how, r.answer.err)
		}
	}
	h.builtAll()
	h.do(ended{uid: h.names["a"].uid(), attempt: 1, result: Result{End: policy.Stopped}})
	t.Log(h.last["a"].Metadata.Generation, show(h.last["a"]))
}

// N: restore, and runnersChanged, with 100,000
func TestRevRestoreMany(t *testing.T) {
	for _, one := range []bool{true, false} {
		h := newHand(limits{permits: 256, window: 64, slotQueue: 100})
		var all []Restored
		for i := range 100000 {
			n := task.Name(fmt.Sprintf("n%d", i))
			slot := task.Slot(n)
			if one {
				slot = "one"
			}
			k := mk(n, slot, func(s *task.Spec) { s.Admission = task.Queue })
			k.Metadata.UID = task.NewUID(h.now)
			k.Status.Phase = task.Pending
			all = append(all, Restored{Task: k, Book: event.Book{Order: uint64(i + 1), Owner: !one || i == 0}})
		}
		start := time.Now()
		out := h.do(restore{tasks: all, to: make(chan answer, 1)})
		t.Logf("one slot %v: %s, %d records, %d effects, ready line %d", one, time.Since(start), len(out.records), len(out.effects), len(h.ready.line))
		// all down
		start = time.Now()
		n := 0
		for h.ready.line != nil || len(h.ready.line) > 0 {
			for _, e := range h.entries {
				if e.token != 0 {
					h.do(buildDone{uid: e.uid(), token: e.token, err: ErrDown})
					n++
				}
			}
			if one || n >= 100000 {
				break
			}
			if time.Since(start) > 20*time.Second {
				break
			}
		}
		start = time.Now()
		h.do(runnersChanged{})
		t.Logf("runnersChanged %s", time.Since(start))
	}
}

// Z: an apply that moves a task into a busy slot ends it without a word
func TestRevMoveRejectIsTold(t *testing.T) {
	h := newHand(limits{window: 64, slotQueue: 10})
	h.do(submit{task: mk("busy", "b", nil)})
	h.do(submit{task: mk("v", "s", func(s *task.Spec) { s.Restart.Policy = task.OnFailure })})
	h.builtAll()
	uid := h.names["v"].uid()
	h.do(apply{task: mk("v", "b", nil)}) // dropIfRunning, moves to a busy slot
	for _, e := range h.entries {
		if e.token != 0 {
			h.do(buildDone{uid: e.uid(), token: e.token, runner: "r"})
		}
	}
	out := h.do(ended{uid: uid, attempt: 1, result: Result{End: policy.Stopped}})
	finished, released := 0, 0
	for _, r := range out.records {
		for _, e := range r.Events() {
			t.Log(e.Type, e.Task, e.Outcome, e.Reason)
			if e.Type == event.TaskFinished {
				finished++
			}
		}
	}
	for _, f := range out.effects {
		if _, ok := f.(release); ok {
			released++
		}
	}
	t.Log(show(h.last["v"]))
	if finished != 1 || released == 0 {
		t.Errorf("task_finished events: %d, releases: %d", finished, released)
	}
}

// AA: a window of replacements: builds beside each other without bound
func TestRevReplacementBuildsUnbounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var now, most atomic.Int32
		slow := false
		b := setupEx(t, &ex{build: func(ctx context.Context, k *task.Task) (string, error) {
			if !slow {
				return "r", nil
			}
			most.Store(max(most.Load(), now.Add(1)))
			defer now.Add(-1)
			return slowBuild(time.Second)(ctx, k)
		}, run: until})
		for i := range 2000 {
			b.submit(task.Name(fmt.Sprintf("t%d", i)), nil)
		}
		synctest.Wait()
		slow = true
		for i := range 2000 {
			b.submit(task.Name(fmt.Sprintf("r%d", i)), func(s *task.Spec) {
				s.Slot, s.Admission = task.Slot(fmt.Sprintf("t%d", i)), task.Replace
			})
		}
		time.Sleep(time.Minute)
		t.Logf("%d builds at one time, window 64", most.Load())
	})
}

// BB: an idempotency key whose task is forgotten
func TestRevKeyOfForgotten(t *testing.T) {
	h := newHand(limits{window: 64, slotQueue: 10})
	k := &event.Key{Text: "k", Expires: h.now.Add(24 * time.Hour)}
	h.do(submit{task: mk("a", "s", nil), key: k})
	h.do(stop{name: "a", reason: task.ReasonDeleted})
	out := h.do(submit{task: mk("a", "s", nil), key: k, to: make(chan answer, 1)})
	for _, f := range out.effects {
		if r, ok := f.(reply); ok {
			_, there := h.Lookup("a")
			t.Logf("repeat answers task=%v uid=%v err=%v; there is such a task: %v", r.answer.task, r.answer.uid, r.answer.err, there)
		}
	}
}
