package host

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/soltihq/solti-host/host/internal/dispatch"
	"github.com/soltihq/solti-host/host/internal/execute"
	"github.com/soltihq/solti-host/host/internal/supervisor"
	"github.com/soltihq/solti-host/host/task"
)

// A Func is the code of an embedded task. It is called for every attempt and returns when ctx ends,
// whose cause is a [*task.StopError]. An error made with [Permanent] ends the task whatever its
// restart policy; a panic is a failed attempt.
type Func func(ctx context.Context, run *Run) error

// A Run is one attempt of an embedded task.
type Run struct {
	Task    *task.Task
	Attempt int // from 1
	ID      task.RunID
	Stdout  io.Writer // kept and shown as the output of every other task; never fails
	Stderr  io.Writer
}

// Permanent returns err as a failure that no retry can mend.
func Permanent(err error) error { return fmt.Errorf("%w: %w", execute.ErrPermanent, err) }

// SubmitFunc accepts a task whose code is f. The task needs a name and a slot; its workload is made
// here. Policies, history, output and cancellation are those of every task. Its code lives in this
// process alone: after a restart of the host the task is over, as lost, and a later SubmitFunc of
// that name takes its record over, attempts numbered on.
func (h *Host) SubmitFunc(ctx context.Context, t *task.Task, f Func) (*task.Task, error) {
	return h.submitFunc(ctx, t, f, false)
}

func (h *Host) submitFunc(ctx context.Context, t *task.Task, f Func, system bool) (*task.Task, error) {
	if err := h.started(); err != nil {
		return nil, err
	}
	e := h.whole(t)
	if e.Metadata.Name == "" {
		return nil, task.FieldErrors{{Path: "metadata.name", Message: "must be set for an embedded task"}}
	}
	if e.Spec.Workload.Kind == "" {
		e.Spec.Workload = task.Workload{APIVersion: task.Embedded.APIVersion, Kind: task.Embedded.Name}
	}
	if e.Spec.Workload.Type() != task.Embedded {
		return nil, task.FieldErrors{{Path: "spec.workload.kind", Message: "must be Embedded, or be left out, for an embedded task"}}
	}
	if err := e.ValidateEmbedded(); err != nil {
		return nil, err
	}
	if err := dispatch.Reserved(e); err != nil && !system {
		return nil, err
	}
	name := e.Metadata.Name
	if !h.executor.Embed(name, execute.Func(func(ctx context.Context, r execute.Embedded) error {
		return f(ctx, &Run{Task: r.Task, Attempt: r.Attempt, ID: r.RunID, Stdout: r.Stdout, Stderr: r.Stderr})
	})) {
		return nil, fmt.Errorf("task %s: %w", name, task.ErrExists)
	}
	stored, err := h.adopt(ctx, e, system)
	if err != nil { // the end of a task that was accepted takes its code away
		h.executor.Unembed(name)
	}
	return stored, err
}

// adopt submits an embedded task, over the finished record of its name if there is one.
func (h *Host) adopt(ctx context.Context, t *task.Task, system bool) (*task.Task, error) {
	for {
		base, err := h.state.Get(t.Metadata.Name)
		if err != nil && !errors.Is(err, task.ErrNotFound) {
			return nil, err
		}
		c := supervisor.Change{Task: t, Adopt: true, System: system}
		if base != nil && base.Status.Done() {
			c.Base = base
		}
		stored, _, err := h.supervisor.Apply(ctx, c)
		if errors.Is(err, supervisor.ErrStale) {
			continue
		}
		if errors.Is(err, task.ErrConflict) {
			err = fmt.Errorf("task %s: %w", t.Metadata.Name, task.ErrExists)
		}
		return stored, err
	}
}
