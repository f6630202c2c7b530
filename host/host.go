package host

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/soltihq/solti-host/host/internal/dispatch"
	"github.com/soltihq/solti-host/host/internal/event"
	"github.com/soltihq/solti-host/host/internal/execute"
	"github.com/soltihq/solti-host/host/internal/metrics"
	"github.com/soltihq/solti-host/host/internal/plugin"
	"github.com/soltihq/solti-host/host/internal/supervisor"
	"github.com/soltihq/solti-host/host/task"
)

// A Host runs tasks. Its methods may be called from any goroutine, those that need a running host
// after Start.
type Host struct {
	options Options
	log     hclog.Logger
	began   time.Time

	storage
	removeScratch func() error // removes a private directory at the end; nil means that there is none
	plugins       *plugin.Set  // nil means none
	runners       *runners
	executor      *execute.Executor
	janitor       *janitor
	bus           event.Bus
	metrics       *metrics.Metrics
	gatherer      prometheus.Gatherer // of the metrics

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

// Uptime returns how long ago the host was made.
func (h *Host) Uptime() time.Duration { return time.Since(h.began) }
