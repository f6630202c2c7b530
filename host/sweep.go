package host

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/soltihq/solti-host/host/internal/state"
	"github.com/soltihq/solti-host/host/task"
)

// sweepName is the name of the host's own task that forgets what is old.
const sweepName = "solti-state-sweep"

// startSweep has old things forgotten from now on. A full disk lets it wait, and nothing else with it.
func (h *Host) startSweep(ctx context.Context) {
	if err := h.submitSweep(ctx); err != nil && ctx.Err() == nil && !errors.Is(err, task.ErrClosed) {
		h.log.Error("nothing will be forgotten until the host is restarted", "error", err)
	}
}

// submitSweep submits the retention sweep as an embedded task of the host's own supervisor.
func (h *Host) submitSweep(ctx context.Context) error {
	r := state.Retention(h.options.Retention).Defaulted()
	t, err := h.submitFunc(ctx, &task.Task{
		Metadata: task.Metadata{Name: sweepName},
		Spec: task.Spec{
			Slot:    sweepName,
			Restart: task.Restart{Policy: task.Always, Interval: task.Duration(r.Interval)},
		},
	}, func(ctx context.Context, _ *Run) error { return h.sweep(ctx, r) }, true)
	if err != nil {
		return fmt.Errorf("start the retention sweep: %w", err)
	}
	if o := t.Status.Outcome; o != nil {
		return fmt.Errorf("start the retention sweep: %s: %s", o.Reason, o.Message)
	}
	return nil
}

// readable returns the tasks that can be read. The others stay until somebody deletes them.
func (h *Host) readable(uids []task.UID) []*task.Task {
	var tasks []*task.Task
	for _, uid := range uids {
		t, err := h.state.GetUID(uid)
		switch {
		case err == nil:
			tasks = append(tasks, t)
		case !errors.Is(err, task.ErrNotFound):
			h.log.Warn("a task cannot be read, and so not be forgotten; delete it by name", "uid", uid, "error", err)
		}
	}
	return tasks
}

// sweepBatch bounds what one transaction forgets.
const sweepBatch = 500

// sweep forgets runs, tasks and output that are older than r allows.
func (h *Host) sweep(ctx context.Context, r state.Retention) error {
	if err := h.supervisor.Forget(ctx, nil, nil); err != nil { // expired idempotency keys
		return err
	}
	for ctx.Err() == nil {
		prune, remove := h.state.Expired(time.Now(), r, sweepBatch)
		if len(prune)+len(remove) == 0 {
			break
		}
		over := h.readable(remove)
		if len(prune)+len(over) == 0 {
			break // what is left cannot be read: the next sweep looks again
		}
		if err := h.supervisor.Forget(ctx, over, prune); err != nil {
			return err
		}
	}
	return h.outputs.Sweep(time.Now(), r.RunTTL)
}
