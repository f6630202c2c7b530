package supervisor

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/soltihq/solti-host/host/internal/event"
	"github.com/soltihq/solti-host/host/internal/policy"
	"github.com/soltihq/solti-host/host/task"
)

// TestPromisesHoldWhateverHappens lets anything happen in any order, late disks and crashes among it,
// and holds every promise of the package after each step. SOLTI_LONG=1 makes 100,000 steps.
func TestPromisesHoldWhateverHappens(t *testing.T) {
	runs := 1
	if os.Getenv("SOLTI_LONG") != "" {
		runs = 40
	}
	for range runs {
		rapid.Check(t, func(t *rapid.T) {
			w := newWorld(limits{
				permits: rapid.IntRange(0, 3).Draw(t, "permits"), window: rapid.IntRange(1, 3).Draw(t, "window"), slotQueue: 3,
			}, rapid.IntRange(0, 2).Draw(t, "room"))
			a := &actor{w: w}
			t.Repeat(map[string]func(*rapid.T){
				"submit": a.submit, "submit2": a.submit, "apply": a.apply, "stop": a.stop,
				"commit": a.commit, "commit2": a.commit, "build": a.build, "build2": a.build, "end": a.end, "end2": a.end, "note": a.note,
				"time": a.time, "runners": a.runners, "forget": a.forget, "crash": a.crash,
				"": func(t *rapid.T) {
					if err := w.err(); err != nil {
						t.Fatal(err)
					}
				},
			})
			a.leave(t)
		})
	}
}

// An actor does random things to a world.
type actor struct{ w *world }

func (a *actor) spec(t *rapid.T) task.Spec {
	s := task.Spec{
		Slot:      task.Slot(rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "slot")),
		Workload:  task.Workload{APIVersion: task.APIVersion, Kind: "Subprocess", Spec: []byte(fmt.Sprintf(`{"n":%d}`, rapid.IntRange(0, 2).Draw(t, "n")))},
		Admission: rapid.SampledFrom([]task.Admission{"", task.Queue, task.Replace}).Draw(t, "admission"),
		Restart:   task.Restart{Policy: rapid.SampledFrom([]task.RestartPolicy{"", task.OnFailure, task.OnFailure, task.Always}).Draw(t, "restart")},
	}
	if s.Restart.Policy == task.Always {
		s.Restart.Interval = rapid.SampledFrom([]task.Duration{0, task.Duration(time.Second)}).Draw(t, "interval")
	}
	if s.Restart.Policy != "" && rapid.Bool().Draw(t, "limited") {
		n := rapid.IntRange(1, 2).Draw(t, "retries")
		s.MaxRetries = &n
	}
	return s
}

func (a *actor) submit(t *rapid.T) {
	tk := &task.Task{Spec: a.spec(t)}
	if rapid.Bool().Draw(t, "named") {
		tk.Metadata.Name = task.Name(rapid.SampledFrom([]string{"x", "y", "z"}).Draw(t, "name"))
	}
	in := submit{task: tk, to: make(chan answer, 1)}
	if rapid.IntRange(0, 3).Draw(t, "keyed") == 0 {
		in.key = &event.Key{Text: rapid.SampledFrom([]string{"k1", "k2"}).Draw(t, "key"), Expires: a.w.now.Add(time.Hour)}
	}
	a.w.do(in)
}

func (a *actor) apply(t *rapid.T) {
	name := a.anyName(t)
	in := apply{task: &task.Task{Metadata: task.Metadata{Name: name}, Spec: a.spec(t)}, to: make(chan answer, 1)}
	if uid, ok := a.w.Lookup(name); ok {
		in.base = a.w.disk[uid].task
	}
	a.w.do(in)
}

func (a *actor) anyName(t *rapid.T) task.Name {
	names := []task.Name{"x", "y", "z"}
	for _, e := range a.w.m.entries {
		names = append(names, e.name())
	}
	slices.Sort(names)
	return rapid.SampledFrom(names).Draw(t, "name")
}

func (a *actor) stop(t *rapid.T) {
	a.w.do(stop{
		name: a.anyName(t), to: make(chan answer, 1),
		reason: rapid.SampledFrom([]task.Reason{task.ReasonCanceled, task.ReasonDeleted}).Draw(t, "reason"),
	})
}

func (a *actor) commit(t *rapid.T) { a.w.commit(rapid.IntRange(1, 5).Draw(t, "units")) }

func (a *actor) build(t *rapid.T) {
	if len(a.w.builds) == 0 {
		t.Skip()
	}
	token := rapid.SampledFrom(slices.Sorted(maps.Keys(a.w.builds))).Draw(t, "build")
	a.w.answer(token, rapid.SampledFrom([]error{
		nil, nil, nil, nil, ErrDown, &LaterError{After: time.Second, Err: ErrDown},
		&task.Error{Reason: task.ReasonNoRunner, Message: "nobody"},
	}).Draw(t, "result"))
}

func (a *actor) end(t *rapid.T) {
	if len(a.w.running) == 0 {
		t.Skip()
	}
	uids := slices.SortedFunc(maps.Keys(a.w.running), func(x, y task.UID) int { return slices.Compare(x[:], y[:]) })
	uid := uids[rapid.IntRange(0, len(uids)-1).Draw(t, "which")]
	a.w.endRun(uid, rapid.SampledFrom([]Result{
		{End: policy.Success}, {End: policy.Failure}, {End: policy.Failure}, {End: policy.TimedOut}, {End: policy.Fatal}, {End: policy.Panicked},
		{End: policy.LostPlugin}, {End: policy.LostPlugin, Down: true}, {End: policy.LostPlugin, RetryAfter: time.Second},
	}).Draw(t, "result"))
}

func (a *actor) note(t *rapid.T) {
	if len(a.w.running) == 0 {
		t.Skip()
	}
	uids := slices.SortedFunc(maps.Keys(a.w.running), func(x, y task.UID) int { return slices.Compare(x[:], y[:]) })
	uid := uids[rapid.IntRange(0, len(uids)-1).Draw(t, "which")]
	a.w.do(noted{uid: uid, attempt: a.w.running[uid].run.Attempt, facts: map[string]string{"a": "b"}})
}

func (a *actor) time(t *rapid.T) {
	a.w.now = a.w.now.Add(time.Duration(rapid.IntRange(1, 60_000).Draw(t, "ms")) * time.Millisecond)
	a.w.do(tick{})
}

func (a *actor) runners(t *rapid.T) {
	a.w.away = rapid.IntRange(0, 3).Draw(t, "away") == 0
	a.w.do(runnersChanged{})
}

func (a *actor) forget(*rapid.T) {
	in := forgetFinished{}
	for _, s := range a.w.disk {
		if s.task.Status.Done() {
			in.remove = append(in.remove, s.task)
		}
	}
	a.w.do(in)
}

func (a *actor) crash(t *rapid.T) {
	if rapid.IntRange(0, 4).Draw(t, "crash") == 0 {
		a.w.crash()
	}
}

// leave ends the story: when everything goes well from now on, every task gets its outcome and
// nothing is left behind.
func (a *actor) leave(t *rapid.T) {
	a.w.settleDown()
	if err := a.w.err(); err != nil {
		t.Fatal(err)
	}
	for _, s := range a.w.disk {
		if !s.task.Status.Done() {
			t.Errorf("task %s has no outcome: phase %s, waiting %q, book %+v", s.task.Metadata.Name, s.task.Status.Phase, s.task.Status.Waiting, s.book)
		}
	}
	if m := a.w.m; len(m.entries)+len(m.names)+len(m.slots)+m.used+m.inside+len(m.timers)+len(m.runs) != 0 {
		t.Errorf("left behind: %d entries, %d slots, %d permits, %d in the window, %d timers", len(m.entries), len(m.slots), m.used, m.inside, len(m.timers))
	}
}
