package foreign

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/hashicorp/go-hclog"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A tally is an Observer that remembers.
type tally struct {
	mu     sync.Mutex
	counts map[string]int // guarded by mu; by plugin and result or reason
}

func (o *tally) count(plugin, what string, n int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.counts == nil {
		o.counts = make(map[string]int)
	}
	o.counts[plugin+" "+what] += n
}

func (o *tally) MetricsPulled(plugin string, r Result)         { o.count(plugin, string(r), 1) }
func (o *tally) MetricsDropped(plugin string, r Reason, n int) { o.count(plugin, string(r), n) }

// said returns what was counted.
func (o *tally) said() map[string]int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.counts
}

// own are families of the host in these tests.
var own = []string{"solti_runner_task_duration_seconds", "solti_runner_errors_total"}

// newRegistry returns a registry with the host's families and what the collector takes.
func newRegistry(t testing.TB, o Options) (*prometheus.Registry, *tally) {
	t.Helper()
	r, seen := prometheus.NewPedanticRegistry(), new(tally)
	hosts := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: own[0], Help: "The host's."}, []string{"runner"})
	hosts.WithLabelValues("wasm").Observe(1)
	errs := prometheus.NewCounterVec(prometheus.CounterOpts{Name: own[1], Help: "The host's."}, []string{"runner"})
	errs.WithLabelValues("wasm").Inc()
	o.Own, o.Observer = own, seen
	r.MustRegister(hosts, errs, New(o))
	return r, seen
}

// scrape returns what is shown beside the host's own, and fails the test if gathering does.
func scrape(t testing.TB, r prometheus.Gatherer) string {
	t.Helper()
	families, err := r.Gather()
	if err != nil {
		t.Fatalf("a scrape fails: %v", err)
	}
	var all, text bytes.Buffer
	for _, f := range families {
		before := all.Len()
		if err := expfmt.NewEncoder(&all, expfmt.NewFormat(expfmt.TypeTextPlain)).Encode(f); err != nil {
			t.Fatal(err)
		}
		if f.GetName() != own[0] && f.GetName() != own[1] {
			text.Write(all.Bytes()[before:])
		}
	}
	parser := expfmt.NewTextParser(model.LegacyValidation)
	if _, err := parser.TextToMetricFamilies(&all); err != nil {
		t.Fatalf("what is shown cannot be read: %v\n%s", err, all.String())
	}
	return text.String()
}

func answer(plugin, text string) Answer {
	return Answer{Plugin: plugin, Generation: 1, Text: []byte(text)}
}

func answers(all ...Answer) func(context.Context) []Answer {
	return func(context.Context) []Answer { return all }
}

func TestEveryTypeIsShownWithTheLabelPlugin(t *testing.T) {
	const text = `# HELP solti_runner_wasm_a_total Counts.
# TYPE solti_runner_wasm_a_total counter
solti_runner_wasm_a_total{z="1"} 3
solti_runner_wasm_a_total{b="x\"y"} 4
# HELP solti_runner_wasm_g Gauge.
# TYPE solti_runner_wasm_g gauge
solti_runner_wasm_g NaN
# HELP solti_runner_wasm_h Histogram.
# TYPE solti_runner_wasm_h histogram
solti_runner_wasm_h_bucket{le="1"} 2
solti_runner_wasm_h_bucket{le="+Inf"} 3
solti_runner_wasm_h_sum 7
solti_runner_wasm_h_count 3
# HELP solti_runner_wasm_s Summary.
# TYPE solti_runner_wasm_s summary
solti_runner_wasm_s{quantile="0.5"} 1
solti_runner_wasm_s_sum 7
solti_runner_wasm_s_count 3
`
	const want = `# HELP solti_runner_wasm_a_total Counts.
# TYPE solti_runner_wasm_a_total counter
solti_runner_wasm_a_total{plugin="wasm",z="1"} 3
solti_runner_wasm_a_total{b="x\"y",plugin="wasm"} 4
# HELP solti_runner_wasm_g Gauge.
# TYPE solti_runner_wasm_g gauge
solti_runner_wasm_g{plugin="wasm"} NaN
# HELP solti_runner_wasm_h Histogram.
# TYPE solti_runner_wasm_h histogram
solti_runner_wasm_h_bucket{plugin="wasm",le="1"} 2
solti_runner_wasm_h_bucket{plugin="wasm",le="+Inf"} 3
solti_runner_wasm_h_sum{plugin="wasm"} 7
solti_runner_wasm_h_count{plugin="wasm"} 3
# HELP solti_runner_wasm_s Summary.
# TYPE solti_runner_wasm_s summary
solti_runner_wasm_s{plugin="wasm",quantile="0.5"} 1
solti_runner_wasm_s_sum{plugin="wasm"} 7
solti_runner_wasm_s_count{plugin="wasm"} 3
`
	r, seen := newRegistry(t, Options{Pull: answers(answer("wasm", text))})
	if got := scrape(t, r); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if got := fmt.Sprint(seen.said()); got != "map[wasm ok:1]" {
		t.Errorf("counted %s", got)
	}
}

// told returns an answer of the plugin wasm with one gauge.
func told(value int) []Answer {
	return []Answer{answer("wasm", fmt.Sprintf("# TYPE solti_runner_wasm_g gauge\nsolti_runner_wasm_g %d\n", value))}
}

// Scrapes that overlap share one round, and the next scrape begins another.
func TestScrapesShareARound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var rounds atomic.Int32
		release := make(chan struct{})
		r, _ := newRegistry(t, Options{Pull: func(context.Context) []Answer {
			n := rounds.Add(1)
			<-release
			return told(int(n))
		}})
		var scrapes sync.WaitGroup
		for range 10 {
			scrapes.Go(func() {
				if got := scrape(t, r); !strings.Contains(got, `{plugin="wasm"} 1`) {
					t.Errorf("got %s, want the first round", got)
				}
			})
		}
		synctest.Wait() // all are inside
		close(release)
		scrapes.Wait()
		if got := scrape(t, r); !strings.Contains(got, `{plugin="wasm"} 2`) {
			t.Errorf("got %s, want a second round", got)
		}
	})
}

// Programs that bring a host along may label all that it registers.
func TestARegistererMayAddLabels(t *testing.T) {
	r := prometheus.NewRegistry()
	c := New(Options{Pull: func(context.Context) []Answer { return told(9) }, Observer: new(tally)})
	prometheus.WrapRegistererWith(prometheus.Labels{"host": "a"}, r).MustRegister(c)
	for range 2 {
		if got := scrape(t, r); !strings.Contains(got, `solti_runner_wasm_g{host="a",plugin="wasm"} 9`) {
			t.Errorf("got %s", got)
		}
	}
}

func TestPluginsThatDoNotAnswerAreCountedAndSaidOnce(t *testing.T) {
	log := new(bytes.Buffer)
	generation := 1
	r, seen := newRegistry(t, Options{
		Log: hclog.New(&hclog.LoggerOptions{Output: log}),
		Pull: func(ctx context.Context) []Answer {
			if _, bounded := ctx.Deadline(); !bounded {
				t.Error("plugins are asked without a deadline")
			}
			return []Answer{
				{Plugin: "slow", Generation: generation, Err: context.DeadlineExceeded},
				{Plugin: "dead", Generation: generation, Err: errors.New("gone")},
				{Plugin: "huge", Generation: generation, Err: fmt.Errorf("%w: 2 MiB", ErrTooLarge)},
				{Plugin: "good", Generation: generation, Text: []byte("# TYPE solti_runner_good_g gauge\nsolti_runner_good_g 1\nsolti_runner_good_g{plugin=\"me\"} 1\n")},
			}
		},
	})
	for range 3 {
		if got := scrape(t, r); !strings.Contains(got, "solti_runner_good_g{plugin=\"good\"} 1\n") {
			t.Errorf("without the metrics of the good plugin: %s", got)
		}
	}
	if got := fmt.Sprint(seen.said()); got != "map[dead failed:3 good label:3 good ok:3 huge tooLarge:3 slow late:3]" {
		t.Errorf("counted %s", got)
	}
	if n := strings.Count(log.String(), "\n"); n != 4 {
		t.Errorf("%d lines of log, want one for each reason:\n%s", n, log)
	}
	generation++
	scrape(t, r)
	if n := strings.Count(log.String(), "\n"); n != 8 {
		t.Errorf("%d lines of log after a restart of all, want 8:\n%s", n, log)
	}
}
