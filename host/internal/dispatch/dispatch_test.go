package dispatch_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/soltihq/solti-host/host/internal/dispatch"
	"github.com/soltihq/solti-host/host/internal/event"
	"github.com/soltihq/solti-host/host/internal/supervisor"
	"github.com/soltihq/solti-host/host/task"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is everything around a pipeline, made of values. It notes who was asked, in order.
type world struct {
	*dispatch.Pipeline
	asked []string

	settled, accepting, static, check error
	stored                            map[task.Name]*task.Task

	submission supervisor.Submission
	submit     func(s supervisor.Submission) (*task.Task, *event.Key, error)
	changes    []supervisor.Change
	apply      func(c supervisor.Change) (*task.Task, task.Applied, error)
	checked    *task.Task
}

func setup() *world {
	w := &world{
		stored: map[task.Name]*task.Task{},
		submit: func(s supervisor.Submission) (*task.Task, *event.Key, error) { return s.Task, nil, nil },
		apply: func(c supervisor.Change) (*task.Task, task.Applied, error) {
			return c.Task, task.AppliedCreated, nil
		},
	}
	w.Pipeline = &dispatch.Pipeline{Supervisor: fakeSupervisor{w}, Tasks: fakeTasks{w}, Runners: fakeRunners{w}, Checker: fakeChecker{w}}
	return w
}

func (w *world) note(what string, err error) error {
	w.asked = append(w.asked, what)
	return err
}

type fakeSupervisor struct{ *world }

func (f fakeSupervisor) Submit(_ context.Context, s supervisor.Submission) (*task.Task, *event.Key, error) {
	_ = f.note("submit", nil)
	f.submission = s
	return f.submit(s)
}

func (f fakeSupervisor) Apply(_ context.Context, c supervisor.Change) (*task.Task, task.Applied, error) {
	_ = f.note("apply", nil)
	f.changes = append(f.changes, c)
	return f.apply(c)
}

type fakeTasks struct{ *world }

func (f fakeTasks) Accepting() error { return f.note("accepting", f.accepting) }

func (f fakeTasks) Get(name task.Name) (*task.Task, error) {
	if t := f.stored[name]; t != nil {
		return t, nil
	}
	return nil, fmt.Errorf("task %s: %w", name, task.ErrNotFound)
}

func (f fakeTasks) GetUID(uid task.UID) (*task.Task, error) {
	for _, t := range f.stored {
		if t.Metadata.UID == uid {
			return t, nil
		}
	}
	return nil, task.ErrNotFound
}

type fakeRunners struct{ *world }

func (f fakeRunners) Settled() error          { return f.note("settled", f.settled) }
func (f fakeRunners) Static(*task.Spec) error { return f.note("static", f.static) }

type fakeChecker struct{ *world }

func (f fakeChecker) Check(_ context.Context, t *task.Task) (string, error) {
	c := *t
	f.checked = &c
	return "fake", f.note("check", f.check)
}

func newTask(name task.Name) *task.Task {
	return &task.Task{
		APIVersion: task.APIVersion, Kind: task.KindTask,
		Metadata: task.Metadata{Name: name, Labels: map[string]string{"a": "b"}},
		Spec:     task.Spec{Slot: "s", Workload: task.Workload{APIVersion: task.APIVersion, Kind: "Subprocess"}},
	}
}

// stored returns a task as the host has it.
func stored(name task.Name, o *task.Outcome) *task.Task {
	t := newTask(name)
	t.Metadata.UID, t.Metadata.Generation, t.Metadata.ResourceVersion = task.NewUID(time.Now()), 4, "e-7"
	t.Status.Outcome = o
	return t
}

var completed = &task.Outcome{Kind: task.OutcomeCompleted, Reason: task.ReasonSucceeded}

func TestTheGateIsAskedInOrderAndFirst(t *testing.T) {
	errSettled, errStore := errors.New("plugins are starting"), errors.New("disk full")
	errStatic := &task.Error{Reason: task.ReasonNoRunner}
	bad := newTask("a")
	bad.Spec.Slot = ""
	var fields task.FieldErrors
	for _, c := range []struct {
		name  string
		spoil func(w *world)
		task  *task.Task
		is    func(error) bool
		asked []string
	}{
		{"plugins", func(w *world) { w.settled, w.accepting = errSettled, errStore }, bad, func(err error) bool { return errors.Is(err, errSettled) }, []string{"settled"}},
		{"store", func(w *world) { w.accepting = errStore }, bad, func(err error) bool { return errors.Is(err, errStore) }, []string{"settled", "accepting"}},
		{"validation", func(w *world) { w.static = errStatic }, bad, func(err error) bool { return errors.As(err, &fields) }, []string{"settled", "accepting"}},
		{"route", func(w *world) { w.static = errStatic }, newTask("a"), func(err error) bool { return errors.Is(err, errStatic) }, []string{"settled", "accepting", "static"}},
	} {
		w := setup()
		c.spoil(w)
		if _, err := w.Create(t.Context(), c.task, dispatch.CreateOptions{}); !c.is(err) || !slices.Equal(w.asked, c.asked) {
			t.Errorf("%s: Create gave %v after asking %q, want %q", c.name, err, w.asked, c.asked)
		}
		w.asked = nil
		if _, _, err := w.Apply(t.Context(), c.task, dispatch.ApplyOptions{}); !c.is(err) || !slices.Equal(w.asked, c.asked) {
			t.Errorf("%s: Apply gave %v after asking %q, want %q", c.name, err, w.asked, c.asked)
		}
	}
}

func TestCreateHandsOnWhatASubmitterMayWrite(t *testing.T) {
	w := setup()
	in := stored("a", completed)
	in.Metadata.Annotations = map[string]string{"c": "d"}
	in.Metadata.DeletionTimestamp = time.Now()
	if _, err := w.Create(t.Context(), in, dispatch.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	got := w.submission.Task
	if w.submission.Key != nil || w.submission.System || got == in {
		t.Errorf("submitted %+v", w.submission)
	}
	md := got.Metadata
	if !md.UID.IsZero() || md.Generation != 0 || md.ResourceVersion != "" || !md.DeletionTimestamp.IsZero() || got.Status.Outcome != nil {
		t.Errorf("submitted with what only the host makes: %+v", got)
	}
	if md.Name != "a" || !md.Equal(&in.Metadata) || !got.Spec.Equal(&in.Spec) {
		t.Errorf("submitted without what the submitter wrote: %+v", got)
	}
}

func TestIdempotencyKey(t *testing.T) {
	w, first := setup(), stored("a", nil)
	w.stored["a"] = first
	w.submit = func(supervisor.Submission) (*task.Task, *event.Key, error) {
		return nil, &event.Key{UID: first.Metadata.UID, Name: "a"}, nil
	}
	got, err := w.Create(t.Context(), newTask("a"), dispatch.CreateOptions{Key: "k", Digest: [32]byte{1}})
	if err != nil || got != first {
		t.Errorf("a repetition gave %v, %v; want the task of the first", got, err)
	}
	key := w.submission.Key
	if key.Text != "k" || key.Digest != [32]byte{1} || time.Until(key.Expires) < dispatch.KeyTTL-time.Minute || time.Until(key.Expires) > dispatch.KeyTTL {
		t.Errorf("submitted with %+v", key)
	}
	w.submit = func(supervisor.Submission) (*task.Task, *event.Key, error) { return nil, nil, task.ErrKeyReused }
	if _, err := w.Create(t.Context(), newTask("a"), dispatch.CreateOptions{Key: "k"}); !errors.Is(err, task.ErrKeyReused) {
		t.Errorf("got %v", err)
	}
}

// What was accepted once is answered again, though it would not be accepted now.
func TestRepetitionIsAnsweredWhateverHasChanged(t *testing.T) {
	w := setup()
	w.static = &task.Error{Reason: task.ReasonNoRunner, Message: "nobody", Err: task.ErrNoRunner}
	known := true
	w.submit = func(s supervisor.Submission) (*task.Task, *event.Key, error) {
		if !s.Repeat {
			t.Error("submitted what is not admissible")
		}
		if known {
			return s.Task, nil, nil
		}
		return nil, nil, nil
	}
	if got, err := w.Create(t.Context(), newTask("a"), dispatch.CreateOptions{Key: "k"}); err != nil || got == nil {
		t.Errorf("got %v, %v", got, err)
	}
	known = false
	if _, err := w.Create(t.Context(), newTask("a"), dispatch.CreateOptions{Key: "k"}); !errors.Is(err, task.ErrNoRunner) {
		t.Errorf("a first submission: %v", err)
	}
	if _, err := w.Create(t.Context(), newTask("a"), dispatch.CreateOptions{}); !errors.Is(err, task.ErrNoRunner) {
		t.Errorf("without a key: %v", err)
	}
}

func TestRepetitionAfterTheTaskIsForgotten(t *testing.T) {
	w, at := setup(), time.Date(2026, 5, 1, 12, 0, 0, 5e6, time.UTC)
	key := &event.Key{UID: task.NewUID(at), Name: "subprocess-a-1"}
	w.submit = func(supervisor.Submission) (*task.Task, *event.Key, error) { return nil, key, nil }
	for _, key.Busy = range []bool{false, true} {
		in := newTask("")
		got, err := w.Create(t.Context(), in, dispatch.CreateOptions{Key: "k"})
		if err != nil {
			t.Fatal(err)
		}
		md := got.Metadata
		if md.UID != key.UID || md.Name != key.Name || !md.CreationTimestamp.Equal(at) || md.Generation != 1 || !got.Spec.Equal(&in.Spec) {
			t.Errorf("got %+v", got)
		}
		phase := map[bool]task.Phase{false: task.Pending, true: task.Canceled}[key.Busy]
		if got.Status.Phase != phase || got.Status.Done() != key.Busy {
			t.Errorf("busy %v: status %+v", key.Busy, got.Status)
		}
	}
}

func TestDryRunGoesTheWholeWayAndStoresNothing(t *testing.T) {
	w := setup()
	got, err := w.Create(t.Context(), newTask("a"), dispatch.CreateOptions{DryRun: true, Key: "k"})
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"settled", "accepting", "static", "check"}; !slices.Equal(w.asked, want) {
		t.Errorf("asked %q, want %q", w.asked, want)
	}
	if w.checked.Metadata.UID.IsZero() || w.checked.Metadata.Generation != 1 {
		t.Errorf("checked %+v, want what a runner can name", w.checked.Metadata)
	}
	if got.Status.Runner != "fake" || got.Status.Phase != task.Pending || !got.Metadata.UID.IsZero() {
		t.Errorf("got %+v", got)
	}
	w.stored["a"] = stored("a", nil)
	if _, err := w.Create(t.Context(), newTask("a"), dispatch.CreateOptions{DryRun: true}); !errors.Is(err, task.ErrExists) {
		t.Errorf("a taken name: %v, want ErrExists", err)
	}
	w.check = fmt.Errorf("%w: fake is down", supervisor.ErrDown)
	if _, err := w.Create(t.Context(), newTask("b"), dispatch.CreateOptions{DryRun: true}); !errors.Is(err, task.ErrNotReady) {
		t.Errorf("a runner that is down: %v, want ErrNotReady", err)
	}
	refusal := &task.Error{Reason: task.ReasonInvalidSpec}
	w.check = refusal
	if _, err := w.Create(t.Context(), newTask("b"), dispatch.CreateOptions{DryRun: true}); !errors.Is(err, refusal) {
		t.Errorf("a refusal became %v", err)
	}
}

func TestApplyReadsAgainWhatWasStale(t *testing.T) {
	w := setup()
	old, fresh := stored("a", completed), stored("a", completed)
	w.stored["a"] = old
	w.apply = func(c supervisor.Change) (*task.Task, task.Applied, error) {
		if c.Base != fresh {
			w.stored["a"] = fresh
			return nil, "", fmt.Errorf("task a: %w", supervisor.ErrStale)
		}
		return fresh, task.AppliedConfigured, nil
	}
	o := dispatch.ApplyOptions{UID: old.Metadata.UID, Version: "e-7"}
	got, how, err := w.Apply(t.Context(), newTask("a"), o)
	if got != fresh || how != task.AppliedConfigured || err != nil || len(w.changes) != 2 {
		t.Errorf("got %v, %s, %v after %d calls", got, how, err, len(w.changes))
	}
	if c := w.changes[0]; c.Base != old || c.UID != o.UID || c.Version != "e-7" || c.Adopt || c.System {
		t.Errorf("applied with %+v", c)
	}
}

func TestApplyLeavesALiveTaskToTheSupervisor(t *testing.T) {
	w := setup()
	w.stored["a"] = stored("a", nil)
	if _, _, err := w.Apply(t.Context(), newTask("a"), dispatch.ApplyOptions{}); err != nil || w.changes[0].Base != nil {
		t.Errorf("applied with base %v, %v; want none", w.changes[0].Base, err)
	}
	if _, _, err := w.Apply(t.Context(), newTask(""), dispatch.ApplyOptions{}); err == nil {
		t.Error("a task without a name was applied")
	}
}

func TestDryApplySaysWhatItWouldDo(t *testing.T) {
	respec := func(t *task.Task) { t.Spec.Slot = "other" }
	relabel := func(t *task.Task) { t.Metadata.Labels = nil }
	rejected := func(why task.Reason) *task.Task {
		return stored("a", &task.Outcome{Kind: task.OutcomeRejected, Reason: why})
	}
	for _, c := range []struct {
		name       string
		base       *task.Task
		change     func(*task.Task)
		how        task.Applied
		generation int64
	}{
		{"new", nil, nil, task.AppliedCreated, 1},
		{"live, same", stored("a", nil), nil, task.AppliedUnchanged, 4},
		{"live, other spec", stored("a", nil), respec, task.AppliedConfigured, 5},
		{"live, other labels", stored("a", nil), relabel, task.AppliedConfigured, 4},
		{"over, same", stored("a", completed), nil, task.AppliedUnchanged, 4},
		{"over, other spec", stored("a", completed), respec, task.AppliedConfigured, 5},
		{"rejected by its slot, same", rejected(task.ReasonSlotBusy), nil, task.AppliedUnchanged, 4},
		{"rejected by its runner, same: it is tried again", rejected(task.ReasonNoRunner), nil, task.AppliedConfigured, 4},
	} {
		w, in := setup(), newTask("a")
		if c.change != nil {
			c.change(in)
		}
		if c.base != nil {
			w.stored["a"] = c.base
		}
		got, how, err := w.Apply(t.Context(), in, dispatch.ApplyOptions{DryRun: true})
		if err != nil || how != c.how || len(w.changes) != 0 {
			t.Errorf("%s: %s, %v; want %s and nothing stored", c.name, how, err, c.how)
			continue
		}
		if got.Metadata.Generation != c.generation {
			t.Errorf("%s: generation %d, want %d", c.name, got.Metadata.Generation, c.generation)
		}
	}
}

func TestDryApplyHoldsThePreconditions(t *testing.T) {
	base := stored("a", nil)
	for _, c := range []struct {
		o    dispatch.ApplyOptions
		base *task.Task
		want error
	}{
		{dispatch.ApplyOptions{UID: base.Metadata.UID, Version: "e-7"}, base, nil},
		{dispatch.ApplyOptions{UID: task.NewUID(time.Now())}, base, task.ErrConflict},
		{dispatch.ApplyOptions{Version: "e-6"}, base, task.ErrConflict},
		{dispatch.ApplyOptions{UID: base.Metadata.UID}, nil, task.ErrNotFound},
		{dispatch.ApplyOptions{Version: "e-7"}, nil, task.ErrNotFound},
	} {
		w := setup()
		if c.base != nil {
			w.stored["a"] = c.base
		}
		c.o.DryRun = true
		if _, _, err := w.Apply(t.Context(), newTask("a"), c.o); !errors.Is(err, c.want) {
			t.Errorf("%+v over %v: %v, want %v", c.o, c.base, err, c.want)
		}
	}
}

func TestTheHostsOwnNamesAreRefused(t *testing.T) {
	for path, change := range map[string]func(*task.Task){
		"metadata.name": func(t *task.Task) { t.Metadata.Name = "solti-x" },
		"spec.slot":     func(t *task.Task) { t.Spec.Slot = "solti-x" },
	} {
		w, in := setup(), newTask("a")
		change(in)
		_, created := w.Create(t.Context(), in, dispatch.CreateOptions{})
		_, _, applied := w.Apply(t.Context(), in, dispatch.ApplyOptions{})
		for _, err := range []error{created, applied} {
			var fields task.FieldErrors
			if !errors.As(err, &fields) || len(fields) != 1 || fields[0].Path != path {
				t.Errorf("got %v, want a problem of %s", err, path)
			}
		}
		if slices.Contains(w.asked, "submit") || slices.Contains(w.asked, "apply") {
			t.Errorf("%s went on to the supervisor", path)
		}
	}
}
