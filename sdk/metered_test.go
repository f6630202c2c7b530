package sdk_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/soltihq/solti-host/sdk"
	"github.com/soltihq/solti-host/sdk/sdktest"
	pluginv1 "github.com/soltihq/solti-host/shared/proto/solti/plugin/v1"
)

type metered struct {
	runner
	from sdk.Gatherer
}

func (m metered) Metrics() sdk.Gatherer { return m.from }

type gatherFunc func() ([]*dto.MetricFamily, error)

func (f gatherFunc) Gather() ([]*dto.MetricFamily, error) { return f() }

func tell(t *testing.T, client pluginv1.RunnerServiceClient) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	answer, err := client.Metrics(ctx, &pluginv1.MetricsRequest{})
	return string(answer.GetText()), err
}

// requests returns a registry with one counter, which has counted n.
func requests(n float64, help string) *prometheus.Registry {
	r := prometheus.NewRegistry()
	c := prometheus.NewCounter(prometheus.CounterOpts{Name: "solti_runner_test_requests_total", Help: help})
	c.Add(n)
	r.MustRegister(c)
	return r
}

func TestMetricsOfARegistryAreTold(t *testing.T) {
	client := sdktest.Serve(t, metered{runner{run: nothing}, requests(7, "Requests.")})
	n, err := client.Name(t.Context(), &pluginv1.NameRequest{})
	if got := strings.Join(n.GetFeatures(), ","); err != nil || got != "drain,list,metrics" {
		t.Errorf("features %s, %v", got, err)
	}
	const want = "# HELP solti_runner_test_requests_total Requests.\n# TYPE solti_runner_test_requests_total counter\nsolti_runner_test_requests_total 7\n"
	if text, err := tell(t, client); err != nil || text != want {
		t.Errorf("got %q, %v, want %q", text, err, want)
	}
}

func TestMetricsThatFail(t *testing.T) {
	good, err := requests(7, "Requests.").Gather()
	if err != nil {
		t.Fatal(err)
	}
	some, none := errors.New("one collector is broken"), []*dto.MetricFamily(nil)
	for name, c := range map[string]struct {
		gather func() ([]*dto.MetricFamily, error)
		code   codes.Code
	}{
		"nothing":  {func() ([]*dto.MetricFamily, error) { return none, nil }, codes.OK},
		"partly":   {func() ([]*dto.MetricFamily, error) { return good, some }, codes.OK},
		"wholly":   {func() ([]*dto.MetricFamily, error) { return none, some }, codes.Internal},
		"panic":    {func() ([]*dto.MetricFamily, error) { panic("on purpose") }, codes.Internal},
		"nonsense": {func() ([]*dto.MetricFamily, error) { return []*dto.MetricFamily{{}}, nil }, codes.Internal},
		"too much": {requests(1, strings.Repeat("x", sdk.MaxMetrics)).Gather, codes.Internal},
	} {
		t.Run(name, func(t *testing.T) {
			client := sdktest.Serve(t, metered{runner{run: nothing}, gatherFunc(c.gather)})
			text, err := tell(t, client)
			if status.Code(err) != c.code {
				t.Errorf("got %v, want %v", err, c.code)
			}
			if c.code != codes.OK {
				wantRefusal(t, err, c.code, pluginv1.Reason_REASON_INTERNAL)
			}
			if name == "partly" && !strings.Contains(text, "requests_total 7") {
				t.Errorf("got %q without what was gathered", text)
			}
		})
	}
}

// However often a runner that does not answer is asked, it holds one goroutine; once it answers, all is
// well again.
func TestMetricsAreGatheredOnceAtATime(t *testing.T) {
	var calls, active atomic.Int32
	entered, release := make(chan struct{}, 100), make(chan struct{})
	client := sdktest.Serve(t, metered{runner{run: nothing}, gatherFunc(func() ([]*dto.MetricFamily, error) {
		calls.Add(1)
		if active.Add(1) > 1 {
			t.Error("gathered twice at one time")
		}
		defer active.Add(-1)
		entered <- struct{}{}
		<-release
		return nil, nil
	})})
	first := make(chan error, 1)
	go func() {
		_, err := client.Metrics(t.Context(), &pluginv1.MetricsRequest{})
		first <- err
	}()
	<-entered
	for range 20 {
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		_, err := client.Metrics(ctx, &pluginv1.MetricsRequest{})
		if status.Code(err) != codes.DeadlineExceeded {
			t.Errorf("a runner that does not answer: %v", err)
		}
		cancel()
	}
	if n := calls.Load(); n != 1 {
		t.Errorf("gathered %d times at once", n)
	}
	close(release)
	if err := <-first; err != nil {
		t.Errorf("the first call: %v", err)
	}
	// A call that nobody waits for any more may be served before this one.
	if _, err := tell(t, client); err != nil || calls.Load() < 2 {
		t.Errorf("after it: %v, %d calls, want one more", err, calls.Load())
	}
}

func TestMetricPrefixesAreOfOneRunnerEach(t *testing.T) {
	for name, want := range map[string]string{
		"wasm": "solti_runner_wasm_", "my-probe": "solti_runner_my__probe_", "my--probe": "solti_runner_my____probe_", "my-": "solti_runner_my___",
	} {
		if got := sdk.MetricPrefix(name); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}
