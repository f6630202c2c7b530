package execute_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/soltihq/solti-host/host/internal/execute"
	"github.com/soltihq/solti-host/host/internal/plugin"
	"github.com/soltihq/solti-host/host/internal/supervisor"
	"github.com/soltihq/solti-host/host/task"
)

func no(message string) error {
	return &task.Error{Reason: task.ReasonUnsupportedKind, Message: message}
}

func TestTheFirstRunnerThatTakesATaskHasIt(t *testing.T) {
	a, b, c := &fakeRunner{name: "a", supports: no("not mine")}, &fakeRunner{name: "b"}, &fakeRunner{name: "c"}
	x := setup(t, a, b, c)
	tk := newTask("Subprocess")
	got, err := x.x.Build(t.Context(), tk)
	if err != nil || got != "b" {
		t.Fatalf("Build gave %q, %v; want b", got, err)
	}
	if a.asked != 1 || b.asked != 1 || c.asked != 0 {
		t.Errorf("asked a %d, b %d, c %d times; want each once up to the one that takes it", a.asked, b.asked, c.asked)
	}
	if want := []string{tk.Metadata.UID.String() + "/2"}; !slices.Equal(b.built, want) {
		t.Errorf("b built %q, want %q", b.built, want)
	}
}

func TestARunnerThatIsNotReadyIsPassedOver(t *testing.T) {
	for _, a := range []*fakeRunner{
		{name: "a", down: true},
		{name: "a", supports: fmt.Errorf("call Supports: %w", plugin.ErrDown)},
		{name: "a", supports: errors.New("the connection is gone")},
	} {
		b := setup(t, a, &fakeRunner{name: "b"})
		if got, err := b.x.Build(t.Context(), newTask("Subprocess")); err != nil || got != "b" {
			t.Errorf("%+v: Build gave %q, %v; want b", a, got, err)
		}
	}
}

func TestATaskWaitsForARunnerThatMayTakeIt(t *testing.T) {
	b := setup(t, &fakeRunner{name: "a", down: true}, &fakeRunner{name: "b", supports: no("not mine")})
	_, err := b.x.Build(t.Context(), newTask("Subprocess"))
	if !errors.Is(err, supervisor.ErrDown) || !strings.Contains(err.Error(), "a may take the task") {
		t.Errorf("got %v, want one that says that a is down", err)
	}
}

func TestATaskKeepsItsRunner(t *testing.T) {
	a, b := &fakeRunner{name: "a"}, &fakeRunner{name: "b"}
	x := setup(t, a, b)
	tk := newTask("Subprocess")
	tk.Status.Runner = "b"
	if got, err := x.x.Build(t.Context(), tk); err != nil || got != "b" || a.asked+b.asked != 0 {
		t.Errorf("Build gave %q, %v after asking %d times; want b without asking", got, err, a.asked+b.asked)
	}
	b.down = true
	if _, err := x.x.Build(t.Context(), tk); !errors.Is(err, supervisor.ErrDown) {
		t.Errorf("with its runner down: %v, want ErrDown", err)
	}
	tk.Status.Runner = "gone"
	if _, err := x.x.Build(t.Context(), tk); !errors.Is(err, supervisor.ErrDown) {
		t.Errorf("with a runner that is not registered: %v, want ErrDown", err)
	}
}

func TestNobodyTakesIt(t *testing.T) {
	b := setup(t, &fakeRunner{name: "b", supports: no("not mine")})
	b.runners.refused = []task.Refusal{{Runner: "a", Reason: "it does not run this kind"}}
	_, err := b.x.Build(t.Context(), newTask("Subprocess"))
	var te *task.Error
	if !errors.As(err, &te) || te.Reason != task.ReasonNoRunner || !errors.Is(err, task.ErrNoRunner) {
		t.Fatalf("got %v, want NoRunner", err)
	}
	const want = "no runner accepts solti.io/v1 Subprocess; a: it does not run this kind; b: not mine"
	if te.Message != want {
		t.Errorf("message %q, want %q", te.Message, want)
	}
	_, err = setup(t).x.Build(t.Context(), newTask("Subprocess"))
	if !errors.Is(err, task.ErrNoRunner) || !strings.Contains(err.Error(), "plugins directory") {
		t.Errorf("without runners: %v, want what to do", err)
	}
}

func TestBuildErrors(t *testing.T) {
	refusal := &task.Error{
		Reason: task.ReasonInvalidSpec, Message: "bad",
		Violations: task.FieldErrors{{Path: "spec.workload.spec.args[1]", Message: "no"}},
	}
	r := &fakeRunner{name: "a", build: fmt.Errorf("call BuildTask: %w", refusal)}
	b := setup(t, r)
	var te *task.Error
	if _, err := b.x.Build(t.Context(), newTask("Subprocess")); !errors.As(err, &te) || te != refusal || errors.Is(err, supervisor.ErrDown) {
		t.Errorf("a refusal became %v", err)
	}
	r.build = errors.New("broken pipe")
	if _, err := b.x.Build(t.Context(), newTask("Subprocess")); !errors.Is(err, supervisor.ErrDown) || !strings.Contains(err.Error(), "broken pipe") {
		t.Errorf("a broken call became %v, want ErrDown with its cause", err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	why := &task.StopError{Reason: task.ReasonCanceled}
	cancel(why)
	if _, err := b.x.Build(ctx, newTask("Subprocess")); !errors.Is(err, why) || errors.Is(err, supervisor.ErrDown) {
		t.Errorf("a canceled call became %v, want the cause", err)
	}
}

func TestCheckKeepsNothing(t *testing.T) {
	r := &fakeRunner{name: "a"}
	b := setup(t, r)
	tk := newTask("Subprocess")
	got, err := b.x.Check(t.Context(), tk)
	if err != nil || got != "a" {
		t.Fatalf("Check gave %q, %v", got, err)
	}
	if want := []string{tk.Metadata.UID.String() + "/2 dry"}; !slices.Equal(r.built, want) {
		t.Errorf("built %q, want %q", r.built, want)
	}
	r.build = &task.Error{Reason: task.ReasonMissingField, Message: "command"}
	var te *task.Error
	if _, err := b.x.Check(t.Context(), tk); !errors.As(err, &te) || te.Reason != task.ReasonMissingField {
		t.Errorf("got %v, want MissingField", err)
	}
}

func TestReleaseNamesWhatWasBuilt(t *testing.T) {
	r := &fakeRunner{name: "a"}
	b := setup(t, r)
	tk := newTask("Subprocess")
	b.x.Release(tk) // nobody has it
	tk.Status.Runner = "a"
	b.x.Release(tk)
	if want := []string{tk.Metadata.UID.String() + "/2"}; !slices.Equal(r.released, want) {
		t.Errorf("released %q, want %q", r.released, want)
	}
}

func TestExplainAsksEverybody(t *testing.T) {
	b := setup(t,
		&fakeRunner{name: "down", down: true},
		&fakeRunner{name: "no", supports: no("not mine")},
		&fakeRunner{name: "broken", supports: errors.New("broken pipe")},
		&fakeRunner{name: "yes"}, &fakeRunner{name: "also"},
	)
	b.runners.refused = []task.Refusal{{Runner: "other", Reason: "label zone"}}
	e := b.x.Explain(t.Context(), newTask("Subprocess"))
	if e.Runner != "yes" || e.Error != nil || e.Workload != "solti.io/v1 Subprocess" {
		t.Errorf("got %+v", e)
	}
	var got []string
	for _, r := range e.Runners {
		got = append(got, fmt.Sprintf("%s %v %s", r.Runner, r.Accepts, r.Reason))
	}
	want := []string{
		"other false label zone", "down false it is not ready", "no false not mine",
		"broken false the runner is not ready: broken pipe", "yes true ", "also true ",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q\nwant %q", got, want)
	}
	e = setup(t, &fakeRunner{name: "no", supports: no("not mine")}).x.Explain(t.Context(), newTask("Subprocess"))
	if e.Runner != "" || e.Error == nil || e.Error.Reason != task.ReasonNoRunner {
		t.Errorf("with nobody: %+v", e)
	}
}

func TestDefaultGrace(t *testing.T) {
	if got := execute.New(execute.Options{}).StopGrace; got != execute.DefaultStopGrace {
		t.Errorf("grace %v, want %v", got, execute.DefaultStopGrace)
	}
}

func TestARunnerThatGaveNoAnswerIsAskedAgain(t *testing.T) {
	for _, c := range []struct {
		supports, build error
		after           time.Duration
	}{
		{errors.New("broken pipe"), nil, 5 * time.Second},
		{nil, errors.New("broken pipe"), 5 * time.Second},
		{nil, &plugin.CapacityError{RetryAfter: 7 * time.Second}, 7 * time.Second},
		{nil, &plugin.CapacityError{RetryAfter: time.Millisecond}, time.Second},
	} {
		b := setup(t, &fakeRunner{name: "a", supports: c.supports, build: c.build})
		_, err := b.x.Build(t.Context(), newTask("Subprocess"))
		var later *supervisor.LaterError
		if !errors.As(err, &later) || later.After != c.after || !errors.Is(err, supervisor.ErrDown) {
			t.Errorf("%+v became %v, want to be asked again after %v", c, err, c.after)
		}
	}
	_, err := setup(t, &fakeRunner{name: "a", down: true}).x.Build(t.Context(), newTask("Subprocess"))
	if errors.As(err, new(*supervisor.LaterError)) {
		t.Errorf("a runner that is down tells when it is not: %v", err)
	}
}

func TestRoom(t *testing.T) {
	b := setup(t, &fakeRunner{name: "any"}, &fakeRunner{name: "four", maxRuns: 4}, &fakeRunner{name: "down", maxRuns: 4, down: true})
	for runner, want := range map[string]int{"any": 0, "four": 4, "down": -1, "gone": -1, execute.EmbeddedRunner: 0} {
		if got := b.x.Room(runner); got != want {
			t.Errorf("%s has room for %d, want %d", runner, got, want)
		}
	}
}
