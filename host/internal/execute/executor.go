package execute

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/soltihq/solti-host/host/internal/output"
	"github.com/soltihq/solti-host/host/internal/plugin"
	"github.com/soltihq/solti-host/host/internal/supervisor"
	"github.com/soltihq/solti-host/host/task"
)

// A Runner is a registered plugin.
type Runner interface {
	Name() string
	Ready() bool
	MaxRuns() int // attempts at one time; 0 means any number
	// Supports returns nil, a [*task.Error] that says why not, or what went wrong.
	Supports(ctx context.Context, t *task.Task) error
	Build(ctx context.Context, handle string, t *task.Task, dryRun bool) error
	Run(ctx context.Context, a plugin.Attempt, sink plugin.Sink) (plugin.Exit, error)
	Release(handle string)
}

// Runners are those there are.
type Runners interface {
	// Candidates returns the runners whose declared kinds and labels fit, in the order of their
	// registration, and why the others do not.
	Candidates(spec *task.Spec) (fit []Runner, refused []task.Refusal)
	// Runner returns the runner of that name, or nil.
	Runner(name string) Runner
}

// Outputs keeps what attempts write.
type Outputs interface {
	Create(k output.Key, id string) (*output.Writer, error)
	// Recover ends the output of a run that is not being written, and lets go of who waits for it.
	Recover(k output.Key) output.Summary
}

// Options are the settings of an Executor. Runners and Outputs are required.
type Options struct {
	Runners   Runners
	Outputs   Outputs
	StopGrace time.Duration // between asking an attempt to end and forcing it; 0 means DefaultStopGrace
	Log       hclog.Logger  // nil means none
}

// DefaultStopGrace is how long an attempt has to end softly.
const DefaultStopGrace = 10 * time.Second

// An Executor builds and runs tasks. Its methods may be called from any goroutine.
type Executor struct {
	Options
	embedded embedded
}

// New returns an Executor.
func New(o Options) *Executor {
	if o.StopGrace == 0 {
		o.StopGrace = DefaultStopGrace
	}
	if o.Log == nil {
		o.Log = hclog.NewNullLogger()
	}
	return &Executor{Options: o}
}

// Build implements [supervisor.Executor].
func (x *Executor) Build(ctx context.Context, t *task.Task) (string, error) {
	if t.Spec.Workload.Type() == task.Embedded {
		return x.embedded.build(t)
	}
	r, err := x.choose(ctx, t)
	if err != nil {
		return "", err
	}
	return r.Name(), settle(ctx, r, r.Build(ctx, handle(t), t, false))
}

// Check goes the whole way to a built task and keeps nothing. It returns the runner that would have
// the task.
func (x *Executor) Check(ctx context.Context, t *task.Task) (string, error) {
	r, err := x.choose(ctx, t)
	if err != nil {
		return "", err
	}
	return r.Name(), settle(ctx, r, r.Build(ctx, handle(t), t, true))
}

// askAgain is after how long a runner is asked again that is ready and yet gave no answer.
const askAgain = 5 * time.Second

// settle makes every error of a runner that is no refusal mean that the runner is down: whatever
// broke, the task is not at fault. One that is ready all the same is to be asked again after a while,
// because nothing may change about it.
func settle(ctx context.Context, r Runner, err error) error {
	var refusal *task.Error
	if err == nil || errors.As(err, &refusal) {
		return err
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	after := askAgain
	var full *plugin.CapacityError
	if errors.As(err, &full) {
		after = max(full.RetryAfter, time.Second)
	}
	err = fmt.Errorf("%w: %w", supervisor.ErrDown, err)
	if r.Ready() {
		return &supervisor.LaterError{After: after, Err: err}
	}
	return err
}

// Room implements [supervisor.Executor].
func (x *Executor) Room(runner string) int {
	if runner == EmbeddedRunner {
		return 0
	}
	r := x.Runners.Runner(runner)
	if r == nil || !r.Ready() {
		return -1
	}
	return r.MaxRuns()
}

// handle names what a runner built: one handle for each generation of a task.
func handle(t *task.Task) string {
	return t.Metadata.UID.String() + "/" + strconv.FormatInt(t.Metadata.Generation, 10)
}

// choose returns the runner that has t, or the first that takes it.
func (x *Executor) choose(ctx context.Context, t *task.Task) (Runner, error) {
	if name := t.Status.Runner; name != "" {
		r := x.Runners.Runner(name)
		if r == nil || !r.Ready() {
			return nil, fmt.Errorf("%w: %s has the task", supervisor.ErrDown, name)
		}
		return r, nil
	}
	e := x.ask(ctx, t, true)
	switch {
	case e.chosen != nil:
		return e.chosen, nil
	case e.later != nil:
		return nil, e.later
	case e.down != "":
		return nil, fmt.Errorf("%w: %s may take the task", supervisor.ErrDown, e.down)
	}
	return nil, noRunner(t.Spec.Workload.Type(), e.answers)
}

// answers is what the runners say to a task.
type answers struct {
	chosen  Runner // the first that takes it; nil means nobody
	down    string // one that could not be asked
	later   error  // the [*supervisor.LaterError] of one that is to be asked again
	answers []task.Refusal
}

// ask goes through the runners in order. With first it stops at the one that takes the task.
func (x *Executor) ask(ctx context.Context, t *task.Task, first bool) answers {
	fit, refused := x.Runners.Candidates(&t.Spec)
	a := answers{answers: refused}
	for _, r := range fit {
		if !r.Ready() {
			a.down = r.Name()
			a.answers = append(a.answers, task.Refusal{Runner: r.Name(), Reason: "it is not ready"})
			continue
		}
		err := settle(ctx, r, r.Supports(ctx, t))
		switch {
		case err == nil:
			a.answers = append(a.answers, task.Refusal{Runner: r.Name(), Accepts: true})
			if a.chosen == nil {
				a.chosen = r
			}
			if first {
				return a
			}
		case errors.Is(err, supervisor.ErrDown):
			a.down = r.Name()
			if errors.As(err, new(*supervisor.LaterError)) {
				a.later = err
			}
			a.answers = append(a.answers, task.Refusal{Runner: r.Name(), Reason: err.Error()})
		default:
			a.answers = append(a.answers, task.Refusal{Runner: r.Name(), Reason: reasonOf(err)})
		}
	}
	return a
}

// Explain says who would run a task, and why the others would not.
func (x *Executor) Explain(ctx context.Context, t *task.Task) *task.Explanation {
	a := x.ask(ctx, t, false)
	e := &task.Explanation{Workload: t.Spec.Workload.Type().String(), Runners: a.answers}
	if a.chosen != nil {
		e.Runner = a.chosen.Name()
		return e
	}
	e.Error = noRunner(t.Spec.Workload.Type(), a.answers).Failure()
	return e
}

// noRunner is the refusal of a task that nobody takes.
func noRunner(kind task.Kind, asked []task.Refusal) *task.Error {
	msg := fmt.Sprintf("no runner accepts %s", kind)
	for _, r := range asked {
		msg += fmt.Sprintf("; %s: %s", r.Runner, r.Reason)
	}
	if len(asked) == 0 {
		msg += ": no runner is registered; put a plugin into the plugins directory"
	}
	return &task.Error{Reason: task.ReasonNoRunner, Message: msg, Err: task.ErrNoRunner}
}

func reasonOf(err error) string {
	var te *task.Error
	if errors.As(err, &te) && te.Message != "" {
		return te.Message
	}
	return err.Error()
}

// Release implements [supervisor.Executor].
func (x *Executor) Release(t *task.Task) {
	if t.Spec.Workload.Type() == task.Embedded {
		x.embedded.release(t)
		return
	}
	if r := x.Runners.Runner(t.Status.Runner); r != nil {
		r.Release(handle(t))
	}
}
