package metrics

import (
	"context"

	"github.com/hashicorp/go-hclog"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/soltihq/solti-host/host/internal/metrics/foreign"
	"github.com/soltihq/solti-host/host/task"
)

// durations are the buckets of everything that takes as long as a task wants, in seconds.
var durations = []float64{.01, .05, .1, .5, 1, 5, 10, 30, 60, 120, 300, 600, 1800, 3600}

// calls are the buckets of everything that should be quick, in seconds.
var calls = []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}

// runnerFamilies are the host's families whose names begin like those of plugins.
var runnerFamilies = []string{
	"solti_runner_tasks_started_total", "solti_runner_tasks_completed_total", "solti_runner_task_duration_seconds",
	"solti_runner_errors_total",
}

// Sources are what metrics are pulled from when they are asked for.
type Sources struct {
	Phases    func() map[task.Phase]int // how many tasks are in each phase
	Plugins   func() []task.Plugin
	BusLosses func() uint64 // events that subscribers have missed

	// PluginMetrics asks the plugins for their own, all at once, until ctx ends. Nil means that there are none.
	PluginMetrics func(ctx context.Context) []foreign.Answer
}

// Metrics are the host's collectors. Its observers may be called from any goroutine.
type Metrics struct {
	tasks
	Plugins PluginObserver
	Output  OutputObserver
	Store   StoreObserver
	API     APIObserver
}

// New registers the host's collectors with r. It registers all of them or none. What is wrong with the
// metrics of plugins is told to log.
func New(r prometheus.Registerer, build task.BuildInfo, s Sources, log hclog.Logger) (*Metrics, error) {
	m := &Metrics{tasks: newTasks(), Output: newOutput(), Store: newStore(), API: newAPI()}
	m.Plugins = newPlugins(m.runner)
	all := append(m.tasks.collectors(), m.Plugins.collectors()...)
	all = append(all, m.Output.collectors()...)
	all = append(all, m.Store.collectors()...)
	all = append(all, m.API.collectors()...)
	all = append(all, newPulled(s), buildInfo(build))
	if s.PluginMetrics != nil {
		all = append(all, foreign.New(foreign.Options{Pull: s.PluginMetrics, Own: runnerFamilies, Observer: &m.Plugins, Log: log}))
	}
	for i, c := range all {
		if err := r.Register(c); err != nil {
			for _, done := range all[:i] {
				r.Unregister(done)
			}
			return nil, err
		}
	}
	return m, nil
}

func buildInfo(b task.BuildInfo) prometheus.Collector {
	g := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "solti_build_info", Help: "The program, as labels; always 1.",
		ConstLabels: prometheus.Labels{"version": b.Version, "go": b.Go, "platform": b.Platform},
	})
	g.Set(1)
	return g
}

func counter(name, help string) prometheus.Counter {
	return prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
}

func counters(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
}

func gauge(name, help string) prometheus.Gauge {
	return prometheus.NewGauge(prometheus.GaugeOpts{Name: name, Help: help})
}

func gauges(name, help string, labels ...string) *prometheus.GaugeVec {
	return prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, labels)
}

func histogram(name, help string, buckets []float64) prometheus.Histogram {
	return prometheus.NewHistogram(prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets})
}

func histograms(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
	return prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets}, labels)
}
