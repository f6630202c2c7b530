package metrics

import (
	"slices"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/soltihq/solti-host/host/internal/event"
	"github.com/soltihq/solti-host/host/task"
)

// tasks counts what committed records tell.
type tasks struct {
	submissions prometheus.Counter
	rejections  *prometheus.CounterVec
	started     *prometheus.CounterVec
	completed   *prometheus.CounterVec
	duration    *prometheus.HistogramVec
	failures    *prometheus.CounterVec
	active      *prometheus.GaugeVec
	lost        *prometheus.CounterVec
	restarts    prometheus.Counter
	timeouts    prometheus.Counter
	backoffs    *prometheus.CounterVec
	backoff     prometheus.Histogram
	outcomes    *prometheus.CounterVec
	attempts    *prometheus.HistogramVec
}

func newTasks() tasks {
	t := tasks{
		submissions: counter("solti_taskvisor_controller_submitted_events_total", "Submissions that were accepted, rejected ones among them."),
		rejections:  counters("solti_taskvisor_controller_rejections_total", "Tasks that were rejected after they were accepted.", "reason"),
		started:     counters("solti_runner_tasks_started_total", "Attempts that began.", "runner"),
		completed:   counters("solti_runner_tasks_completed_total", "Attempts that ended.", "runner", "outcome"),
		duration:    histograms("solti_runner_task_duration_seconds", "How long attempts took.", durations, "runner", "outcome"),
		failures:    counters("solti_runner_errors_total", "Failed attempts and builds.", "runner", "error"),
		active:      gauges("solti_runs_active", "Attempts that are running.", "runner"),
		lost:        counters("solti_run_lost_total", "Attempts that ended because their plugin or the host did.", "runner"),
		restarts:    counter("solti_taskvisor_task_restarts_total", "Attempts that began after another of the same task."),
		timeouts:    counter("solti_taskvisor_attempt_timeouts_total", "Attempts that took longer than their timeout."),
		backoffs:    counters("solti_taskvisor_task_backoffs_total", "Waits before a further attempt.", "source"),
		backoff:     histogram("solti_taskvisor_task_backoff_duration_seconds", "How long those waits are.", durations),
		outcomes:    counters("solti_taskvisor_task_final_outcomes_total", "Tasks that ended.", "outcome"),
		attempts:    histograms("solti_taskvisor_attempts_to_finalize", "Attempts that tasks needed to end.", []float64{1, 2, 3, 5, 10, 20, 50, 100}, "outcome"),
	}
	for _, k := range task.OutcomeKinds {
		t.outcomes.WithLabelValues(string(k))
		t.attempts.WithLabelValues(string(k))
	}
	for _, r := range slices.Concat(rejections, unbuilt) {
		t.rejections.WithLabelValues(string(r))
	}
	for _, source := range backoffs {
		t.backoffs.WithLabelValues(source)
	}
	return t
}

// The closed sets behind labels. A series is there, with 0, from the first scrape on, because nobody can
// tell how fast a counter grows that appears with its first count.
var (
	// rejections are the reasons of tasks that were rejected by their slot.
	rejections = []task.Reason{task.ReasonSlotBusy, task.ReasonSuperseded, task.ReasonRemoved}
	// unbuilt are the reasons of builds that failed; such a task is rejected too.
	unbuilt = []task.Reason{
		task.ReasonNoRunner, task.ReasonUnsupportedKind, task.ReasonInvalidSpec, task.ReasonMissingField,
		task.ReasonInternal, task.ReasonIO,
	}
	// failures are the reasons of builds and attempts that failed.
	failures = append(unbuilt[:len(unbuilt):len(unbuilt)],
		task.ReasonFailed, task.ReasonExit, task.ReasonSignal, task.ReasonOOM, task.ReasonStartFailed,
		task.ReasonTimedOut, task.ReasonLost, task.ReasonPanic,
	)
	// ends are the phases in which attempts end.
	ends = []task.Phase{task.Succeeded, task.Failed, task.Timeout, task.Canceled, task.LostRun}
	// backoffs are what a task waits for between two attempts.
	backoffs = []string{"interval", "backoff", "loss"}
)

// closed returns a reason as a label: a reason of no set is other.
func closed(r task.Reason) string {
	if slices.Contains(failures, r) || slices.Contains(rejections, r) {
		return string(r)
	}
	return "other"
}

// runner makes the series of a runner.
func (t *tasks) runner(name string) {
	t.started.WithLabelValues(name)
	t.active.WithLabelValues(name)
	t.lost.WithLabelValues(name)
	for _, p := range ends {
		t.completed.WithLabelValues(name, string(p))
		t.duration.WithLabelValues(name, string(p))
	}
	for _, r := range failures {
		t.failures.WithLabelValues(name, string(r))
	}
}

func (t *tasks) collectors() []prometheus.Collector {
	return []prometheus.Collector{
		t.submissions, t.rejections, t.started, t.completed, t.duration, t.failures, t.active, t.lost,
		t.restarts, t.timeouts, t.backoffs, t.backoff, t.outcomes, t.attempts,
	}
}

// Records counts committed records. The host's own tasks do not count.
func (t *tasks) Records(records []event.Record) {
	for i := range records {
		if r := &records[i]; !r.Book.System {
			t.record(r)
		}
	}
}

func (t *tasks) record(r *event.Record) {
	switch r.Kind {
	case event.Accepted:
		t.submissions.Inc()
	case event.Started:
		t.began(r.Run)
	case event.Ended:
		t.ended(r)
	case event.Pruned, event.Removed, event.Noted:
		return
	}
	o := r.Task.Status.Outcome
	if o == nil || r.Kind == event.Updated {
		return
	}
	t.outcomes.WithLabelValues(string(o.Kind)).Inc()
	t.attempts.WithLabelValues(string(o.Kind)).Observe(float64(r.Task.Status.Attempt))
	if o.Kind == task.OutcomeRejected {
		t.rejections.WithLabelValues(closed(o.Reason)).Inc()
	}
	if r.Kind == event.Finished && r.Task.Status.Error != nil {
		t.failures.WithLabelValues(r.Task.Status.Runner, closed(r.Task.Status.Error.Reason)).Inc()
	}
}

func (t *tasks) began(run *task.Run) {
	t.started.WithLabelValues(run.Runner).Inc()
	t.active.WithLabelValues(run.Runner).Inc()
	if run.Attempt > 1 {
		t.restarts.Inc()
	}
}

func (t *tasks) ended(r *event.Record) {
	run := r.Run
	outcome := string(run.Phase)
	t.completed.WithLabelValues(run.Runner, outcome).Inc()
	t.duration.WithLabelValues(run.Runner, outcome).Observe(run.FinishedAt.Sub(run.StartedAt).Seconds())
	t.active.WithLabelValues(run.Runner).Dec()
	switch run.Phase {
	case task.Timeout:
		t.timeouts.Inc()
	case task.LostRun:
		t.lost.WithLabelValues(run.Runner).Inc()
	}
	if run.Error != nil {
		t.failures.WithLabelValues(run.Runner, closed(run.Error.Reason)).Inc()
	}
	if at := r.Task.Status.NextAt; !at.IsZero() {
		t.backoffs.WithLabelValues(r.Task.Status.Waiting).Inc()
		t.backoff.Observe(at.Sub(r.At).Seconds())
	}
}

// Recovered says that a run which a restart found running is about to end: it counts as active until
// then.
func (t *tasks) Recovered(run *task.Run) { t.active.WithLabelValues(run.Runner).Inc() }
