package metrics_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.uber.org/goleak"

	"github.com/soltihq/solti-host/host/internal/event"
	"github.com/soltihq/solti-host/host/internal/metrics"
	"github.com/soltihq/solti-host/host/internal/metrics/foreign"
	"github.com/soltihq/solti-host/host/task"
)

var update = flag.Bool("update", false, "rewrite the golden file")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var build = task.BuildInfo{Version: "v1.2.3", Go: "go1.26", Platform: "linux/amd64"}

// sources are what a quiet host would tell.
func sources() metrics.Sources {
	return metrics.Sources{
		Phases:    func() map[task.Phase]int { return map[task.Phase]int{task.Running: 2, task.Succeeded: 7} },
		BusLosses: func() uint64 { return 3 },
		Plugins: func() []task.Plugin {
			return []task.Plugin{
				{Name: "subprocess", Version: "v1", SHA256: "0123456789abcdef", State: task.PluginReady, Crashes: 1},
				{Name: "subprocess", State: task.PluginRejected}, // a second file of the name
				{Name: "wasm", State: task.PluginQuarantined},
			}
		},
	}
}

var noon = time.Date(2026, 4, 6, 12, 0, 0, 0, time.UTC)

// A story makes the records of one task, one second apart.
type story struct {
	task task.Task
	book event.Book
	run  *task.Run
	at   time.Time
	all  []event.Record
}

func newStory(runner string) *story {
	return &story{at: noon, task: task.Task{Status: task.Status{Phase: task.Pending, Runner: runner}}}
}

func (s *story) record(kind event.Kind, run *task.Run) *story {
	t := s.task
	s.all = append(s.all, event.Record{Kind: kind, At: s.at, Task: &t, Book: s.book, Run: run})
	s.at = s.at.Add(time.Second)
	return s
}

func (s *story) accepted() *story { return s.record(event.Accepted, nil) }

func (s *story) started() *story {
	s.task.Status.Attempt++
	s.task.Status.NextAt, s.task.Status.Waiting = time.Time{}, ""
	s.run = &task.Run{Attempt: s.task.Status.Attempt, Runner: s.task.Status.Runner, Phase: task.Running, StartedAt: s.at}
	run := *s.run
	return s.record(event.Started, &run)
}

// ended ends the attempt in a phase, for a reason unless that is empty.
func (s *story) ended(p task.Phase, why task.Reason) *story {
	run := *s.run
	run.Phase, run.FinishedAt = p, s.at
	if why != "" {
		run.Error = &task.Failure{Reason: why}
	}
	return s.record(event.Ended, &run)
}

// wait makes the next record tell of a wait.
func (s *story) wait(d time.Duration, waiting string) *story {
	s.task.Status.NextAt, s.task.Status.Waiting = s.at.Add(d), waiting
	return s
}

// over makes the next record tell of an end.
func (s *story) over(kind task.OutcomeKind, why task.Reason) *story {
	s.task.Status.NextAt, s.task.Status.Waiting = time.Time{}, ""
	s.task.Status.Outcome = &task.Outcome{Kind: kind, Reason: why, FinishedAt: s.at}
	return s
}

// stories are one task of every kind that counts differently.
func stories() map[string]*story {
	all := map[string]*story{
		"success": newStory("subprocess").accepted().started().over(task.OutcomeCompleted, task.ReasonSucceeded).ended(task.Succeeded, ""),
		"retries": newStory("subprocess").accepted().
			started().wait(400*time.Millisecond, "backoff").ended(task.Failed, task.ReasonExit).
			started().wait(2*time.Second, "backoff").ended(task.Timeout, task.ReasonTimedOut).
			started().over(task.OutcomeFailed, task.ReasonRetriesSpent).ended(task.Failed, task.ReasonExit),
		"loss": newStory("wasm").accepted().
			started().wait(time.Second, "loss").ended(task.LostRun, task.ReasonLost).
			started().over(task.OutcomeCanceled, task.ReasonCanceled).ended(task.Canceled, ""),
		"dropped": newStory("").over(task.OutcomeRejected, task.ReasonSlotBusy).accepted(),
		"running": newStory("subprocess").accepted().started(),
	}
	unroutable := newStory("").accepted()
	unroutable.task.Status.Error = &task.Failure{Reason: task.ReasonNoRunner}
	all["unroutable"] = unroutable.over(task.OutcomeRejected, task.ReasonNoRunner).record(event.Finished, nil)
	// Nothing of these counts.
	all["relabeled"] = newStory("subprocess").over(task.OutcomeCompleted, task.ReasonSucceeded).record(event.Updated, nil)
	all["forgotten"] = newStory("subprocess").over(task.OutcomeCompleted, task.ReasonSucceeded).record(event.Pruned, nil).record(event.Removed, nil)
	system := newStory("embedded")
	system.book.System = true
	all["system"] = system.accepted().started().ended(task.Succeeded, "")
	return all
}

func observe(m *metrics.Metrics) {
	m.Plugins.PluginState("subprocess", task.PluginStarting)
	m.Plugins.PluginState("subprocess", task.PluginReady)
	m.Plugins.PluginStarted("subprocess", 30*time.Millisecond)
	m.Plugins.PluginExited("subprocess", "crash")
	m.Plugins.PluginCall("subprocess", "RunTask", "OK", 2*time.Second)
	m.Plugins.PluginLog("subprocess", "warn")
	m.Plugins.PluginLogDropped("subprocess", 12)
	m.Output.Written(task.Stdout, 1000)
	m.Output.Written(task.Stderr, 10)
	m.Output.Lost("rate", 5)
	m.Output.Followers(4)
	m.Output.Spool(4096)
	m.Store.Committed(3, 300, 2*time.Millisecond, nil)
	m.Store.Committed(1, 100, time.Second, errors.New("disk"))
	m.API.Begin("http")
	m.API.Begin("http")
	m.API.Done("http", "GET", "/livez", "200", time.Millisecond)
	m.Recovered(&task.Run{Runner: "wasm"})
}

// exposition is what a scrape of r reads.
func exposition(t *testing.T, r prometheus.Gatherer) string {
	t.Helper()
	w := httptest.NewRecorder()
	promhttp.HandlerFor(r, promhttp.HandlerOpts{ErrorHandling: promhttp.HTTPErrorOnError}).ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	if w.Code != 200 {
		t.Fatalf("scrape: %d %s", w.Code, w.Body)
	}
	return w.Body.String()
}

func TestExpositionOfAKnownLife(t *testing.T) {
	r := prometheus.NewPedanticRegistry()
	m, err := metrics.New(r, build, sources(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range stories() {
		m.Records(s.all)
	}
	observe(m)
	got := exposition(t, r)
	const golden = "testdata/exposition.txt"
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if got == string(want) {
		return
	}
	gotLines, wantLines := strings.Split(got, "\n"), strings.Split(string(want), "\n")
	for i := range min(len(gotLines), len(wantLines)) {
		if gotLines[i] != wantLines[i] {
			t.Fatalf("line %d of the exposition (rewrite it with -update):\ngot  %s\nwant %s", i+1, gotLines[i], wantLines[i])
		}
	}
	t.Fatalf("%d lines of exposition, want %d", len(gotLines), len(wantLines))
}

// A counter that appears with its first count has no rate, so all that can be known is there before.
func TestSeriesOfClosedSetsAreThereFromTheStart(t *testing.T) {
	r := prometheus.NewPedanticRegistry()
	m, err := metrics.New(r, build, sources(), nil)
	if err != nil {
		t.Fatal(err)
	}
	m.Plugins.PluginState("subprocess", task.PluginStarting)
	m.Plugins.PluginState("broken", task.PluginRejected)
	m.Output.Reasons("rate", "disk")
	before := exposition(t, r)
	for _, series := range []string{
		`solti_plugin_exits_total{cause="crash",plugin="subprocess"}`, `solti_plugin_log_lines_total{level="error",plugin="subprocess"}`,
		`solti_plugin_log_dropped_total{plugin="subprocess"}`, `solti_plugin_starts_total{plugin="subprocess"}`,
		`solti_taskvisor_controller_rejections_total{reason="slotBusy"}`, `solti_taskvisor_task_backoffs_total{source="loss"}`,
		`solti_runner_tasks_completed_total{outcome="lost",runner="subprocess"}`, `solti_run_lost_total{runner="subprocess"}`,
		`solti_runner_errors_total{error="Exit",runner="subprocess"}`, `solti_output_dropped_bytes_total{reason="disk"}`,
		`solti_api_in_flight_requests{transport="grpc"}`, `solti_taskvisor_attempts_to_finalize_count{outcome="completed"}`,
	} {
		if !strings.Contains(before, "\n"+series+" 0\n") {
			t.Errorf("%s is not there with 0", series)
		}
	}
	if strings.Contains(before, "exits_total{cause=\"crash\",plugin=\"broken\"}") {
		t.Error("a plugin that never starts has series of its process")
	}
}

// A plugin gets the names that its own name gives it, and none of the host's.
func TestMetricsOfPluginsStandBesideThoseOfTheHost(t *testing.T) {
	r := prometheus.NewPedanticRegistry()
	text, s := exposition(t, prometheus.NewRegistry()), sources()
	s.PluginMetrics = func(context.Context) []foreign.Answer {
		var all []foreign.Answer
		for _, name := range []string{"wasm", "task", "tasks", "errors"} {
			all = append(all, foreign.Answer{Plugin: name, Text: []byte(text)})
		}
		return all
	}
	m, err := metrics.New(r, build, s, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range stories() {
		m.Records(s.all)
	}
	own := regexp.MustCompile(`(?m)^# TYPE (solti_runner_\S+) `).FindAllStringSubmatch(exposition(t, r), -1)
	if len(own) < 4 {
		t.Fatalf("the host has families %v", own)
	}
	for _, family := range own {
		text += fmt.Sprintf("# TYPE %s gauge\n%s 1\n", family[1], family[1])
	}
	text += "# TYPE solti_runner_wasm_g gauge\nsolti_runner_wasm_g 1\n"
	got := exposition(t, r)
	if !strings.Contains(got, `solti_runner_wasm_g{plugin="wasm"} 1`) {
		t.Errorf("without the family of a plugin:\n%s", got)
	}
	if n := strings.Count(got, "# TYPE solti_runner_"); n != len(own)+1 {
		t.Errorf("%d families, want %d of the host and one of a plugin", n, len(own))
	}
	again := exposition(t, r)
	for _, series := range []string{
		`solti_plugin_metrics_pulls_total{plugin="wasm",result="ok"}`, `solti_plugin_metrics_dropped_series_total{plugin="tasks",reason="name"}`,
	} {
		if strings.Contains(again, series+" 0\n") || !strings.Contains(again, series) {
			t.Errorf("%s does not count", series)
		}
	}
}

// What a label can be does not depend on what others send.
func TestLabelsStayClosed(t *testing.T) {
	r := prometheus.NewPedanticRegistry()
	m, err := metrics.New(r, build, sources(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 10 {
		m.Records(newStory("subprocess").started().ended(task.Failed, task.Reason(fmt.Sprintf("made up %d", i))).all)
	}
	if text := exposition(t, r); strings.Contains(text, "made up") || !strings.Contains(text, `solti_runner_errors_total{error="other",runner="subprocess"} 10`) {
		t.Error("a reason that nobody knows is a label")
	}
}

func TestActiveRunsReturnToZero(t *testing.T) {
	r := prometheus.NewRegistry()
	m, err := metrics.New(r, build, sources(), nil)
	if err != nil {
		t.Fatal(err)
	}
	lost := newStory("wasm")
	lost.run = &task.Run{Attempt: 1, Runner: "wasm", StartedAt: noon}
	m.Recovered(lost.run)
	m.Records(lost.ended(task.LostRun, task.ReasonLost).all)
	m.Records(newStory("wasm").started().ended(task.Failed, task.ReasonExit).all)
	if text := exposition(t, r); !strings.Contains(text, "solti_runs_active{runner=\"wasm\"} 0\n") {
		t.Error("ended runs are counted as active")
	}
}

func TestRegistrationIsAllOrNothing(t *testing.T) {
	r := prometheus.NewRegistry()
	clash := prometheus.NewCounter(prometheus.CounterOpts{Name: "solti_store_commit_failures_total", Help: "Commits that failed."})
	if err := r.Register(clash); err != nil {
		t.Fatal(err)
	}
	if _, err := metrics.New(r, build, sources(), nil); err == nil {
		t.Fatal("registered beside a metric of the same name")
	}
	if n := strings.Count(exposition(t, r), "# HELP"); n != 1 {
		t.Errorf("%d metrics are left, want that of somebody else alone", n)
	}
	r.Unregister(clash)
	if _, err := metrics.New(r, build, sources(), nil); err != nil {
		t.Errorf("after the clash is gone: %v", err)
	}
	if _, err := metrics.New(r, build, sources(), nil); err == nil {
		t.Error("registered twice")
	}
	if text := exposition(t, r); !strings.Contains(text, "solti_build_info") {
		t.Error("a refused second registration removed the first")
	}
}
