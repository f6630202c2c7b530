package host

import (
	"context"
	"fmt"

	"github.com/soltihq/solti-host/host/internal/dispatch"
	"github.com/soltihq/solti-host/host/internal/state"
	"github.com/soltihq/solti-host/host/internal/supervisor"
	"github.com/soltihq/solti-host/host/task"
)

// Start ends what an earlier host of the state directory has left running, starts the plugins and
// goes on with the tasks that were not over. It does not wait until plugins are ready: submissions
// before that are refused with task.ErrNotReady. Ctx bounds the call alone.
func (h *Host) Start(ctx context.Context) error {
	if h.plugins != nil {
		if err := h.plugins.Start(ctx); err != nil {
			return fmt.Errorf("plugins: %w", err)
		}
	}
	h.runners.load(h.plugins)
	h.supervisor = supervisor.New(supervisor.Options{
		Journal: h.state, Executor: h.executor, Index: index{h.state},
		Epoch: h.restored.Meta.Epoch, Count: h.restored.Meta.Count,
		Permits: h.options.Concurrency, SlotQueue: h.options.SlotQueue,
	})
	h.pipeline = &dispatch.Pipeline{Supervisor: h.supervisor, Tasks: h.state, Runners: h.runners, Checker: h.executor}
	live := h.liveTasks()
	if err := h.supervisor.Restore(ctx, live, h.restored.Meta.Keys); err != nil {
		return fmt.Errorf("go on with the tasks of the last time: %w", err)
	}
	h.tellRestored(live)
	h.restored = state.Restored{}
	work, stop := context.WithCancel(context.Background())
	h.stop = stop
	if h.plugins == nil {
		h.runners.settle()
	} else {
		h.work.Go(func() { h.followPlugins(work) })
	}
	h.work.Go(func() { h.janitor.run(work) })
	h.work.Go(func() { h.startSweep(work) })
	return nil
}

// followPlugins keeps routes up to date and wakes tasks that wait for a runner.
func (h *Host) followPlugins(ctx context.Context) {
	settled := h.plugins.Settled()
	ready := map[string]int{} // generations that tasks have been woken for
	for {
		changed := h.plugins.Changed()
		h.runners.load(h.plugins)
		if h.becameReady(ready) {
			h.supervisor.RunnersChanged()
		}
		select {
		case <-settled:
			h.runners.load(h.plugins)
			h.runners.settle()
			settled = nil
		case <-changed:
		case <-ctx.Done():
			return
		}
	}
}

// becameReady notes the generations that are ready and reports whether one was not before.
func (h *Host) becameReady(before map[string]int) bool {
	changed := false
	for _, p := range h.plugins.Plugins() {
		if g := p.Generation(); p.Ready() && before[p.Name()] != g {
			before[p.Name()] = g
			changed = true
		}
	}
	return changed
}

// index shows the supervisor what is over.
type index struct{ state *state.State }

// Lookup implements [supervisor.Index].
func (x index) Lookup(name task.Name) (task.UID, bool) {
	uid, done, ok := x.state.Lookup(name)
	return uid, ok && done
}

// Version implements [supervisor.Index].
func (x index) Version(uid task.UID) string {
	t, err := x.state.GetUID(uid)
	if err != nil {
		return ""
	}
	return t.Metadata.ResourceVersion
}
