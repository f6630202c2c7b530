package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/soltihq/solti-host/host/internal/metrics/foreign"
	"github.com/soltihq/solti-host/host/task"
)

// A PluginObserver counts what happens to plugins.
type PluginObserver struct {
	starts  *prometheus.CounterVec
	took    *prometheus.HistogramVec
	exits   *prometheus.CounterVec
	rpc     *prometheus.HistogramVec
	lines   *prometheus.CounterVec
	dropped *prometheus.CounterVec
	pulls   *prometheus.CounterVec
	refused *prometheus.CounterVec
	runner  func(name string) // makes the series of a runner
}

// The closed sets behind the labels of plugins: how their processes end, and the levels of their logs.
var (
	exitCauses = []string{"clean", "crash", "startTimeout", "unresponsive", "killed"}
	logLevels  = []string{"trace", "debug", "info", "warn", "error"}
)

func newPlugins(runner func(name string)) PluginObserver {
	return PluginObserver{
		runner:  runner,
		starts:  counters("solti_plugin_starts_total", "Launches of plugins that became ready.", "plugin"),
		took:    histograms("solti_plugin_start_seconds", "How long plugins took to become ready.", calls, "plugin"),
		exits:   counters("solti_plugin_exits_total", "Ends of plugin processes.", "plugin", "cause"),
		rpc:     histograms("solti_plugin_rpc_seconds", "Calls of plugins; for RunTask, whole attempts.", calls, "plugin", "method", "code"),
		lines:   counters("solti_plugin_log_lines_total", "Lines that plugins logged.", "plugin", "level"),
		dropped: counters("solti_plugin_log_dropped_total", "Lines that were dropped because there were too many.", "plugin"),
		pulls:   counters("solti_plugin_metrics_pulls_total", "What came of asking plugins for their metrics.", "plugin", "result"),
		refused: counters("solti_plugin_metrics_dropped_series_total", "Series of plugins that are not shown.", "plugin", "reason"),
	}
}

func (p *PluginObserver) collectors() []prometheus.Collector {
	return []prometheus.Collector{p.starts, p.took, p.exits, p.rpc, p.lines, p.dropped, p.pulls, p.refused}
}

// PluginState makes the series of a plugin that starts. States themselves are pulled.
func (p *PluginObserver) PluginState(plugin string, s task.PluginState) {
	if s != task.PluginStarting {
		return
	}
	p.runner(plugin)
	p.starts.WithLabelValues(plugin)
	p.took.WithLabelValues(plugin)
	p.dropped.WithLabelValues(plugin)
	for _, cause := range exitCauses {
		p.exits.WithLabelValues(plugin, cause)
	}
	for _, level := range logLevels {
		p.lines.WithLabelValues(plugin, level)
	}
	for _, r := range foreign.Results {
		p.pulls.WithLabelValues(plugin, string(r))
	}
	for _, r := range foreign.Reasons {
		p.refused.WithLabelValues(plugin, string(r))
	}
}

// PluginStarted counts a launch.
func (p *PluginObserver) PluginStarted(plugin string, took time.Duration) {
	p.starts.WithLabelValues(plugin).Inc()
	p.took.WithLabelValues(plugin).Observe(took.Seconds())
}

// PluginExited counts the end of a process.
func (p *PluginObserver) PluginExited(plugin, cause string) {
	p.exits.WithLabelValues(plugin, cause).Inc()
}

// PluginCall counts a call.
func (p *PluginObserver) PluginCall(plugin, method, code string, took time.Duration) {
	p.rpc.WithLabelValues(plugin, method, code).Observe(took.Seconds())
}

// PluginLog counts a line.
func (p *PluginObserver) PluginLog(plugin, level string) {
	p.lines.WithLabelValues(plugin, level).Inc()
}

// PluginLogDropped counts lines that are not in the log.
func (p *PluginObserver) PluginLogDropped(plugin string, lines int) {
	p.dropped.WithLabelValues(plugin).Add(float64(lines))
}

// MetricsPulled implements [foreign.Observer].
func (p *PluginObserver) MetricsPulled(plugin string, r foreign.Result) {
	p.pulls.WithLabelValues(plugin, string(r)).Inc()
}

// MetricsDropped implements [foreign.Observer].
func (p *PluginObserver) MetricsDropped(plugin string, r foreign.Reason, series int) {
	p.refused.WithLabelValues(plugin, string(r)).Add(float64(series))
}

// An OutputObserver counts what tasks write.
type OutputObserver struct {
	stdout, stderr prometheus.Counter
	bytes          *prometheus.CounterVec
	dropped        *prometheus.CounterVec
	followers      prometheus.Gauge
	spool          prometheus.Gauge
}

func newOutput() OutputObserver {
	bytes := counters("solti_output_bytes_total", "Bytes of output that were kept.", "stream")
	return OutputObserver{
		stdout: bytes.WithLabelValues(task.Stdout.String()), stderr: bytes.WithLabelValues(task.Stderr.String()), bytes: bytes,
		dropped:   counters("solti_output_dropped_bytes_total", "Bytes of output that were not kept, or are not kept any more.", "reason"),
		followers: gauge("solti_output_followers", "Readers of output."),
		spool:     gauge("solti_output_spool_bytes", "Bytes of the files that keep output."),
	}
}

func (o *OutputObserver) collectors() []prometheus.Collector {
	return []prometheus.Collector{o.bytes, o.dropped, o.followers, o.spool}
}

// Written counts bytes that were kept.
func (o *OutputObserver) Written(s task.Stream, n int64) {
	if s == task.Stderr {
		o.stderr.Add(float64(n))
		return
	}
	o.stdout.Add(float64(n))
}

// Reasons makes the series of all reasons that Lost will be told.
func (o *OutputObserver) Reasons(all ...string) {
	for _, why := range all {
		o.dropped.WithLabelValues(why)
	}
}

// Lost counts bytes that were not kept.
func (o *OutputObserver) Lost(why string, n int64) { o.dropped.WithLabelValues(why).Add(float64(n)) }

// Followers sets the number of readers.
func (o *OutputObserver) Followers(n int) { o.followers.Set(float64(n)) }

// Spool sets the size of the files.
func (o *OutputObserver) Spool(n int64) { o.spool.Set(float64(n)) }

// A StoreObserver counts commits.
type StoreObserver struct {
	seconds prometheus.Histogram
	units   prometheus.Histogram
	failed  prometheus.Counter
}

func newStore() StoreObserver {
	return StoreObserver{
		seconds: histogram("solti_store_commit_seconds", "How long commits took.", calls),
		units:   histogram("solti_store_commit_units", "Units of records in one commit.", []float64{1, 2, 4, 8, 16, 32, 64, 128, 256, 512}),
		failed:  counter("solti_store_commit_failures_total", "Commits that failed."),
	}
}

func (s *StoreObserver) collectors() []prometheus.Collector {
	return []prometheus.Collector{s.seconds, s.units, s.failed}
}

// Committed counts a commit.
func (s *StoreObserver) Committed(units, _ int, took time.Duration, err error) {
	if err != nil {
		s.failed.Inc()
		return
	}
	s.seconds.Observe(took.Seconds())
	s.units.Observe(float64(units))
}

// An APIObserver counts requests.
type APIObserver struct {
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	inFlight *prometheus.GaugeVec
}

func newAPI() APIObserver {
	a := APIObserver{
		requests: counters("solti_api_requests_total", "Requests that were answered.", "transport", "method", "path", "status"),
		seconds:  histograms("solti_api_request_duration_seconds", "How long answers took.", calls, "transport", "method", "path"),
		inFlight: gauges("solti_api_in_flight_requests", "Requests that are being answered.", "transport"),
	}
	for _, transport := range []string{"http", "grpc"} {
		a.inFlight.WithLabelValues(transport)
	}
	return a
}

func (a *APIObserver) collectors() []prometheus.Collector {
	return []prometheus.Collector{a.requests, a.seconds, a.inFlight}
}

// Begin counts a request that has come in.
func (a *APIObserver) Begin(transport string) { a.inFlight.WithLabelValues(transport).Inc() }

// Done counts a request that has been answered.
func (a *APIObserver) Done(transport, method, path, status string, took time.Duration) {
	a.inFlight.WithLabelValues(transport).Dec()
	a.requests.WithLabelValues(transport, method, path, status).Inc()
	a.seconds.WithLabelValues(transport, method, path).Observe(took.Seconds())
}
