package sdk

import (
	"bytes"
	"context"
	"fmt"
	"sync"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"google.golang.org/grpc/codes"

	pluginv1 "github.com/soltihq/solti-host/shared/proto/solti/plugin/v1"
)

// Bounds of the metrics of a runner. More than MaxMetrics is an error; what else is beyond a bound is
// dropped by the host. A histogram is one series whatever its buckets.
const (
	MaxMetrics        = 1 << 20 // bytes of the Prometheus text format
	MaxMetricFamilies = 200
	MaxMetricSeries   = 2000 // of all families
	MaxMetricLabels   = 8    // of one series
	MaxMetricBuckets  = 64   // of one histogram, and quantiles of one summary
	MaxMetricName     = 128  // bytes of the name of a family or a label, and of a label's value
	MaxMetricHelp     = 1024 // bytes
)

// A Metered is a [Runner] with metrics of its own, which appear among those of the host, with the label
// plugin. Names of families begin with [MetricPrefix]; docs/plugin-protocol.md has the other rules, and
// the host drops what does not keep them.
type Metered interface {
	Runner
	// Metrics returns where they are gathered, never nil. It is called whenever the host's metrics are
	// scraped, and not otherwise.
	Metrics() Gatherer
}

// A Gatherer gathers metrics, as they are now. It is what Prometheus calls a Gatherer, so that a
// *prometheus.Registry is one. It is asked once at a time and has 1 s. What it returns beside an error
// is told; the error goes to the log.
type Gatherer interface {
	Gather() ([]*dto.MetricFamily, error)
}

// MetricPrefix returns what the names of all metrics of the runner called name begin with:
// solti_runner_NAME_, where each dash of the name is two underscores. A lower-case letter follows.
func MetricPrefix(name string) string {
	prefix := []byte("solti_runner_")
	for i := range len(name) {
		if name[i] == '-' {
			prefix = append(prefix, "__"...)
		} else {
			prefix = append(prefix, name[i])
		}
	}
	return string(append(prefix, '_'))
}

// Metrics tells the metrics of a [Metered] runner.
func (s *Service) Metrics(
	ctx context.Context, req *pluginv1.MetricsRequest,
) (*pluginv1.MetricsResponse, error) {
	m, ok := s.runner.(Metered)
	if !ok {
		return s.UnimplementedRunnerServiceServer.Metrics(ctx, req)
	}
	g := s.gathering.join(func(done func([]byte, error)) {
		s.work.Go(func() {
			var text []byte
			err := s.guard("Metrics", func() (err error) {
				text, err = s.exposition(m.Metrics())
				return err
			})
			done(text, err)
		})
	})
	select {
	case <-g.done:
		if g.err != nil {
			return nil, toStatus(g.err)
		}
		return &pluginv1.MetricsResponse{Text: g.text}, nil
	case <-ctx.Done():
		return nil, toStatus(ctx.Err())
	}
}

// exposition gathers and encodes.
func (s *Service) exposition(g Gatherer) ([]byte, error) {
	families, err := g.Gather()
	if err != nil && len(families) == 0 {
		return nil, fmt.Errorf("gather metrics: %w", err)
	}
	if err != nil {
		s.log.Warn("some metrics are missing", "error", err)
	}
	var text bytes.Buffer
	encoder := expfmt.NewEncoder(&text, expfmt.NewFormat(expfmt.TypeTextPlain))
	for _, f := range families {
		if err := encoder.Encode(f); err != nil {
			return nil, fmt.Errorf("encode metrics: %w", err)
		}
		if text.Len() > MaxMetrics {
			return nil, &refusal{
				reason: pluginv1.Reason_REASON_INTERNAL, code: codes.Internal,
				err: fmt.Errorf("the metrics have more than %d bytes: have fewer series", MaxMetrics),
			}
		}
	}
	return text.Bytes(), nil
}

// A gathering is metrics that are on their way, for everybody who asks meanwhile: a runner that does not
// answer holds one goroutine, however often it is asked.
type gathering struct {
	done chan struct{} // closed when text and err are there
	text []byte
	err  error
}

// gatherings is the one gathering that there is at most.
type gatherings struct {
	mu  sync.Mutex
	now *gathering // guarded by mu; nil means none
}

// join returns the gathering that is on its way, or has begin begin one, which calls done once.
func (all *gatherings) join(begin func(done func([]byte, error))) *gathering {
	all.mu.Lock()
	defer all.mu.Unlock()
	if all.now != nil {
		return all.now
	}
	g := &gathering{done: make(chan struct{})}
	all.now = g
	begin(func(text []byte, err error) {
		all.mu.Lock()
		all.now = nil
		all.mu.Unlock()
		g.text, g.err = text, err
		close(g.done)
	})
	return g
}
