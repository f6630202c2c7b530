package host

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/soltihq/solti-host/host/internal/dispatch"
	"github.com/soltihq/solti-host/host/internal/event"
	"github.com/soltihq/solti-host/host/internal/execute"
	"github.com/soltihq/solti-host/host/internal/metrics"
	"github.com/soltihq/solti-host/host/internal/output"
	"github.com/soltihq/solti-host/host/internal/plugin"
	"github.com/soltihq/solti-host/host/internal/state"
	"github.com/soltihq/solti-host/host/internal/store"
	"github.com/soltihq/solti-host/host/internal/store/bolt"
	"github.com/soltihq/solti-host/host/internal/store/memory"
	"github.com/soltihq/solti-host/host/internal/supervisor"
	"github.com/soltihq/solti-host/host/task"
)

// A Host runs tasks. Its methods may be called from any goroutine, those that need a running host
// after Start.
type Host struct {
	options  Options
	log      hclog.Logger
	began    time.Time
	restored state.Restored

	removeScratch func() error // removes a private directory at the end; nil means that there is none

	store    store.Store
	state    *state.State
	outputs  *output.Store
	plugins  *plugin.Set // nil means none
	runners  *runners
	executor *execute.Executor
	janitor  *janitor
	bus      event.Bus
	metrics  *metrics.Metrics
	gatherer prometheus.Gatherer // of the metrics

	supervisor *supervisor.Supervisor // nil before Start
	pipeline   *dispatch.Pipeline     // nil before Start

	stop     context.CancelFunc // ends the work of Start
	work     sync.WaitGroup
	shutdown sync.Once
	result   error // of the shutdown
}

// New opens the state and prepares a host. It starts nothing; Shutdown releases what it holds. It
// fails if another host uses the state directory.
func New(o Options) (*Host, error) {
	if o.Log == nil {
		o.Log = hclog.NewNullLogger()
	}
	h := &Host{options: o, log: o.Log, began: time.Now(), runners: newRunners(), stop: func() {}}
	if err := h.open(); err != nil {
		return nil, errors.Join(err, h.close(context.Background()))
	}
	return h, nil
}

func (h *Host) open() error {
	if err := h.openMetrics(); err != nil {
		return err
	}
	if err := h.openState(); err != nil {
		return err
	}
	if err := h.openOutputs(); err != nil {
		return err
	}
	h.janitor = newJanitor(h.outputs, h.log)
	h.executor = execute.New(execute.Options{
		Runners: h.runners, Outputs: h.outputs, StopGrace: h.options.Grace, Log: h.log,
	})
	return h.openPlugins()
}

// openMetrics registers the host's collectors, with a registry of the host's own if it was given none.
func (h *Host) openMetrics() error {
	r := h.options.Metrics
	if r == nil {
		own := prometheus.NewRegistry()
		own.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
		r, h.gatherer = own, own
	} else if g, ok := r.(prometheus.Gatherer); ok {
		h.gatherer = g
	}
	var err error
	h.metrics, err = metrics.New(r, h.buildInfo(), metrics.Sources{
		Phases: func() map[task.Phase]int { return h.state.CountByPhase() }, Plugins: h.Plugins, BusLosses: h.bus.Lost,
		PluginMetrics: h.pluginMetrics,
	}, h.log.Named("metrics"))
	if err != nil {
		return fmt.Errorf("register metrics: %w", err)
	}
	return nil
}

func (h *Host) openState() error {
	if h.options.StateDir == "" {
		h.store = memory.New(time.Now)
	} else {
		s, err := bolt.Open(h.options.StateDir, bolt.Options{Logger: h.log.Named("store")})
		if err != nil {
			return fmt.Errorf("open the state: %w", err)
		}
		h.store = s
	}
	var err error
	h.state, h.restored, err = state.Open(h.store, state.Options{
		Publish: h.published, Observer: &tellCommits{Observer: &h.metrics.Store, log: h.log.Named("state")}, Logger: h.log.Named("state"),
	})
	if err != nil {
		return fmt.Errorf("read the state: %w", err)
	}
	for _, d := range h.restored.Meta.Damaged {
		h.log.Error("a record of the state is damaged and was left out", "bucket", d.Bucket, "key", fmt.Sprintf("%q", d.Key), "error", d.Err)
	}
	return nil
}

// published is told the records of every unit when they are durable, in order.
func (h *Host) published(records []event.Record) {
	h.metrics.Records(records)
	h.bus.Publish(records)
	h.janitor.told(records)
}

func (h *Host) openOutputs() error {
	o := output.Options{
		RunCap: h.options.Output.PerRun, SpoolCap: h.options.Output.Total, Rate: h.options.Output.Rate,
		Observer: newCountOutput(&h.metrics.Output), Log: h.log.Named("output"),
	}
	if r, ok := h.store.(store.Roomy); ok { // its reserve lies on the same disk and is not for output
		o.Yield = func() bool { return r.Room() != nil }
	}
	for _, it := range h.restored.Live {
		if it.Last != nil && it.Last.Active() {
			o.Open = append(o.Open, output.Key{UID: it.Task.Metadata.UID, Attempt: it.Last.Attempt})
		}
	}
	if len(h.restored.Meta.Damaged) == 0 { // else a run may be missing that will be wanted once it is repaired
		o.Known = func(k output.Key) bool { return h.state.Kept(k.UID, k.Attempt) }
	}
	dir := ""
	if h.options.StateDir != "" {
		dir = filepath.Join(h.options.StateDir, "output")
	}
	s, err := output.Open(dir, o)
	if err != nil {
		return fmt.Errorf("open the output of tasks: %w", err)
	}
	h.outputs = s
	return nil
}

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

// Shutdown stops the host: it takes no more tasks, asks running attempts to end, gives them the
// grace, and then stops the plugins and closes the state. Ctx ends the waiting: what runs then is
// killed. Tasks that wait, and those that restart, go on when a host is started again. All calls
// share one shutdown. The error names attempts that did not end in time.
func (h *Host) Shutdown(ctx context.Context) error {
	h.shutdown.Do(func() { h.result = h.close(ctx) })
	return h.result
}

// shutdownSlack is what a shutdown may take beyond the grace of attempts: their force, and records.
const shutdownSlack = 15 * time.Second

func (h *Host) close(ctx context.Context) error {
	var errs []error
	if h.supervisor != nil {
		grace := h.options.Grace
		if grace == 0 {
			grace = execute.DefaultStopGrace
		}
		stopping, cancel := context.WithTimeout(ctx, grace+shutdownSlack)
		errs = append(errs, h.supervisor.Shutdown(stopping))
		cancel()
	}
	h.stop()
	h.work.Wait()
	if h.plugins != nil {
		errs = append(errs, h.stopPlugins(ctx))
	}
	if h.state != nil {
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), stateGrace)
		errs = append(errs, h.state.Close(closing))
		cancel()
	}
	if h.outputs != nil {
		errs = append(errs, h.outputs.Close())
	}
	if h.store != nil {
		errs = append(errs, h.store.Close())
	}
	if h.removeScratch != nil {
		errs = append(errs, h.removeScratch())
	}
	return errors.Join(errs...)
}

// Bounds of a shutdown. Plugins have one time to stop as a rule, and one when nobody wants to wait any
// more: the end of a plugin is waited for in any case, because only that proves that nothing of it is left.
const (
	stateGrace  = 10 * time.Second // for the last records; a full disk may refuse them for ever
	pluginGrace = 20 * time.Second
	pluginHurry = 4 * time.Second
)

func (h *Host) stopPlugins(ctx context.Context) error {
	limit := pluginGrace
	if ctx.Err() != nil {
		limit = pluginHurry
	}
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), limit)
	defer cancel()
	return h.plugins.Stop(stopping)
}

// Uptime returns how long ago the host was made.
func (h *Host) Uptime() time.Duration { return time.Since(h.began) }

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
