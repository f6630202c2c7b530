package host

import (
	"context"
	"fmt"
	"iter"

	"github.com/soltihq/solti-host/host/internal/dispatch"
	"github.com/soltihq/solti-host/host/internal/event"
	"github.com/soltihq/solti-host/host/internal/tail"
	"github.com/soltihq/solti-host/host/task"
)

// CreateOptions change what Create does.
type CreateOptions struct {
	Key    string   // makes repetition harmless for 24 h; empty means that every call is new
	Digest [32]byte // of the request that Key stands for; a Key with another digest is refused
	DryRun bool     // check, route and build, but store nothing
}

// Submit accepts a new task and returns it as stored: when it returns, the task is on disk. The spec
// may have been rejected by its slot in the same step, which the outcome tells. Submit waits until
// every plugin has had its first chance to start.
//
// The error is a [task.FieldErrors] or a [*task.Error] where the task is at fault, and wraps
// task.ErrExists, ErrNoRunner, ErrQueueFull, ErrNotReady, ErrUnavailable or ErrClosed.
func (h *Host) Submit(ctx context.Context, t *task.Task) (*task.Task, error) {
	return h.Create(ctx, t, CreateOptions{})
}

// Create is Submit with options.
func (h *Host) Create(ctx context.Context, t *task.Task, o CreateOptions) (*task.Task, error) {
	if err := h.settle(ctx); err != nil {
		return nil, err
	}
	return h.pipeline.Create(ctx, h.whole(t), dispatch.CreateOptions(o))
}

// ApplyOptions change what Apply does.
type ApplyOptions struct {
	UID             task.UID // only if the stored task has it; zero means any
	ResourceVersion string   // only if the stored task has it; empty means any
	DryRun          bool     // check, route and build, but store nothing
}

// Apply creates the task or changes the one of that name, and says which. A changed spec is a new
// generation: it is built first, then the attempt of the old one is stopped. Applying what is so
// already changes nothing. The error may wrap task.ErrConflict, beside those of Submit.
func (h *Host) Apply(ctx context.Context, t *task.Task, o ApplyOptions) (*task.Task, task.Applied, error) {
	if err := h.settle(ctx); err != nil {
		return nil, "", err
	}
	return h.pipeline.Apply(ctx, h.whole(t), dispatch.ApplyOptions{UID: o.UID, Version: o.ResourceVersion, DryRun: o.DryRun})
}

// settle waits until every plugin has had its first chance to start.
func (h *Host) settle(ctx context.Context) error {
	if err := h.started(); err != nil {
		return err
	}
	select {
	case <-h.runners.settled():
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// whole returns t with apiVersion and kind, which Go programs may leave out.
func (h *Host) whole(t *task.Task) *task.Task {
	c := *t
	if c.APIVersion == "" && c.Kind == "" {
		c.APIVersion, c.Kind = task.APIVersion, task.KindTask
	}
	return &c
}

// Get returns the task of that name, or an error wrapping task.ErrNotFound. It must not be changed.
func (h *Host) Get(name task.Name) (*task.Task, error) { return h.state.Get(name) }

// Query returns a page of tasks, sorted by name.
func (h *Host) Query(q task.Query) (*task.List, error) { return h.state.List(q) }

// Runs returns a page of a task's runs, oldest first.
func (h *Host) Runs(name task.Name, q task.RunQuery) (*task.RunList, error) {
	return h.state.Runs(name, q)
}

// Watch returns a task and a channel that is closed when it has changed since, or is gone.
func (h *Host) Watch(uid task.UID) (*task.Task, <-chan struct{}, error) { return h.state.Watch(uid) }

// Wait returns the task when it is over. The error is the cause of ctx, or wraps task.ErrNotFound if
// there is no such task. A zero uid means any.
func (h *Host) Wait(ctx context.Context, name task.Name, uid task.UID) (*task.Task, error) {
	t, err := h.Get(name)
	if err != nil {
		return nil, err
	}
	if !uid.IsZero() && t.Metadata.UID != uid {
		return nil, fmt.Errorf("task %s with uid %s: %w", name, uid, task.ErrNotFound)
	}
	for {
		t, changed, err := h.state.Watch(t.Metadata.UID)
		if err != nil || t.Status.Done() {
			return t, err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return t, context.Cause(ctx)
		}
	}
}

// Cancel asks a task to end, wherever it is. When it returns, that intent is on disk. A task that is
// over stays as it is. A zero uid means any.
func (h *Host) Cancel(ctx context.Context, name task.Name, uid task.UID) error {
	if err := h.started(); err != nil {
		return err
	}
	return h.supervisor.Cancel(ctx, name, uid)
}

// Delete forgets a task with its runs and its output, after canceling it if it is not over. Gone says
// that it has happened already.
func (h *Host) Delete(ctx context.Context, name task.Name, uid task.UID) (gone bool, err error) {
	if err := h.started(); err != nil {
		return false, err
	}
	return h.supervisor.Delete(ctx, name, uid)
}

// Output yields the output of a task, as q asks: chunks and gaps in the order in which they arrived,
// and the end of every attempt. It ends with an error, or when there is no more.
func (h *Host) Output(ctx context.Context, name task.Name, q task.OutputQuery) iter.Seq2[task.Chunk, error] {
	return func(yield func(task.Chunk, error) bool) {
		r, err := h.openOutput(name, q)
		if err != nil {
			yield(task.Chunk{}, err)
			return
		}
		defer r.Close()
		for {
			c, err := r.Next(ctx)
			if ended(err) || !yield(c, err) || err != nil {
				return
			}
		}
	}
}

func (h *Host) openOutput(name task.Name, q task.OutputQuery) (*tail.Reader, error) {
	return tail.Open(tails{h.state, h.store}, h.outputs, name, q)
}

// Events subscribes to what happens. The channel holds up to buffer events; a subscriber that does
// not keep up misses some, and is told how many by an event of type subscriber_overflow. Stop ends
// the subscription.
func (h *Host) Events(buffer int) (events <-chan Event, stop func()) {
	s := h.bus.Subscribe(buffer)
	return s.Events(), s.Close
}

// An Event tells the curious what happened. Nothing should be decided by one: [Host.Watch] and
// [Host.Wait] miss nothing.
type Event = event.Event
