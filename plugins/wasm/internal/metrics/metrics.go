package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/soltihq/solti-host/plugins/wasm/internal/compile"
	"github.com/soltihq/solti-host/plugins/wasm/internal/image"
	"github.com/soltihq/solti-host/plugins/wasm/internal/wire"
)

// Buckets, in seconds: of what is quick as a rule, and of what takes as long as a guest wants.
var (
	quick = []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}
	long  = []float64{.0005, .001, .0025, .005, .01, .025, .1, .25, .5, 1, 5, 10, 30, 60, 300, 1800, 3600}
)

// Metrics are the collectors. All methods may be called from any goroutine.
type Metrics struct {
	registry *prometheus.Registry

	attempts *prometheus.CounterVec
	traps    *prometheus.CounterVec
	phases   *prometheus.HistogramVec

	lookups      *prometheus.CounterVec
	compilations *prometheus.HistogramVec
	compileCPU   prometheus.Counter
	compileCode  prometheus.Histogram
	compileRSS   prometheus.Histogram

	age     prometheus.Histogram
	spawn   prometheus.Histogram
	kill    prometheus.Histogram
	reap    prometheus.Histogram
	workers *prometheus.CounterVec

	guest guest
}

// New makes the collectors. Figures is asked at every scrape; false means that there are none yet.
func New(figures func() (Figures, bool)) *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		attempts: counters("attempts_total", "Attempts that are over.", "outcome"),
		traps:    counters("traps_total", "Guests that the engine stopped.", "kind"),
		phases:   histograms("phase_seconds", "How long the phases of attempts took.", long, "phase"),

		lookups:      counters("cache_lookups_total", "Modules that attempts needed, by where their native code came from.", "result"),
		compilations: histograms("compile_seconds", "How long processes took that look at modules or compile them.", long, "result"),
		compileCPU:   counter("compile_cpu_seconds_total", "Processor time of those processes."),
		compileCode:  histogram("compile_code_bytes", "Native code of modules that were compiled.", prometheus.ExponentialBuckets(16<<10, 4, 9)),
		compileRSS:   histogram("compile_peak_rss_bytes", "Most memory that those processes had.", prometheus.ExponentialBuckets(16<<20, 2, 9)),

		age:     histogram("pool_age_seconds", "How long workers had waited that were taken.", long),
		spawn:   histogram("worker_spawn_seconds", "How long it took to start processes of workers.", quick),
		kill:    histogram("worker_kill_seconds", "From the kill of a worker whose attempt was stopped to its end.", quick),
		reap:    histogram("worker_reap_seconds", "How long the end of other workers was waited for.", quick),
		workers: counters("worker_starts_total", "Workers that became ready.", "engine"),

		guest: newGuest(),
	}
	m.registry.MustRegister(
		m.attempts, m.traps, m.phases, m.lookups, m.compilations, m.compileCPU, m.compileCode, m.compileRSS,
		m.age, m.spawn, m.kill, m.reap, m.workers, newPulled(figures),
	)
	m.registry.MustRegister(m.guest.collectors()...)
	m.fill()
	return m
}

// fill makes the series of all closed sets: nobody can tell how fast a counter grows that appears with its
// first count.
func (m *Metrics) fill() {
	for _, o := range Outcomes {
		m.attempts.WithLabelValues(string(o))
	}
	for _, k := range traps {
		m.traps.WithLabelValues(string(k))
	}
	for _, p := range Phases {
		m.phases.WithLabelValues(string(p))
	}
	for _, r := range lookups {
		m.lookups.WithLabelValues(r)
	}
	for _, r := range []string{resultCompiled, resultChecked, resultDeferred, resultFailed} {
		m.compilations.WithLabelValues(r)
	}
	for _, e := range []wire.Engine{wire.EngineCompiler, wire.EngineInterpreter} {
		m.workers.WithLabelValues(e.String())
	}
}

// Registry returns where all of it is gathered.
func (m *Metrics) Registry() *prometheus.Registry { return m.registry }

// Attempt counts an attempt that is over. The kind of trap is looked at for [Trapped] alone.
func (m *Metrics) Attempt(o Outcome, trap wire.TrapKind) {
	m.attempts.WithLabelValues(string(o)).Inc()
	if o == Trapped {
		m.traps.WithLabelValues(string(closed(trap))).Inc()
	}
}

// Phase counts a phase that is over.
func (m *Metrics) Phase(p Phase, took time.Duration) {
	m.phases.WithLabelValues(string(p)).Observe(took.Seconds())
}

// lookups are the results of looking for native code.
var lookups = map[image.From]string{
	image.FromMemory: "memory", image.FromCache: "disk", image.FromCompiler: "miss", image.Interpreted: "interpreted",
}

// Lookup counts an attempt that has its module.
func (m *Metrics) Lookup(from image.From) { m.lookups.WithLabelValues(lookups[from]).Inc() }

// What came of looking at a module.
const (
	resultCompiled = "compiled"
	resultChecked  = "checked"  // it was not to be compiled
	resultDeferred = "deferred" // it was slow, and is begun anew when there is an ordinary place
	resultFailed   = "failed"   // refused, beyond a limit, given up, or broken
)

// Compiled counts a process that looked at a module.
func (m *Metrics) Compiled(c compile.Compilation) {
	result := resultFailed
	switch {
	case c.Deferred:
		result = resultDeferred
	case c.OK && c.CheckOnly:
		result = resultChecked
	case c.OK:
		result = resultCompiled
		m.compileCode.Observe(float64(c.Code))
	}
	m.compilations.WithLabelValues(result).Observe(c.Wall.Seconds())
	m.compileCPU.Add(c.CPU.Seconds())
	m.compileRSS.Observe(float64(c.MaxRSS))
}

// WorkerTaken implements [pool.Observer].
func (m *Metrics) WorkerTaken(waited time.Duration) { m.age.Observe(waited.Seconds()) }

// WorkerSpawned implements [pool.Observer].
func (m *Metrics) WorkerSpawned(took time.Duration) { m.spawn.Observe(took.Seconds()) }

// WorkerLoaded implements [pool.Observer].
func (m *Metrics) WorkerLoaded(r wire.Ready, took time.Duration) {
	m.Phase(Load, took)
	engine := wire.EngineCompiler
	if r.Engine == wire.EngineInterpreter {
		engine = wire.EngineInterpreter
	}
	m.workers.WithLabelValues(engine.String()).Inc()
}

// WorkerReaped implements [pool.Observer].
func (m *Metrics) WorkerReaped(killed bool, took time.Duration) {
	if killed {
		m.kill.Observe(took.Seconds())
		return
	}
	m.reap.Observe(took.Seconds())
}
