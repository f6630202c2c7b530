package plugin

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/soltihq/solti-host/sdk"
	pluginv1 "github.com/soltihq/solti-host/shared/proto/solti/plugin/v1"
)

// featureMetrics is the feature of plugins that have metrics of their own.
const featureMetrics = "metrics"

// ErrTooLarge is wrapped by the error of metrics that are larger than the contract allows.
var ErrTooLarge = errors.New("larger than the contract allows")

// MetricsAnswer is what one plugin tells of its metrics.
type MetricsAnswer struct {
	Plugin     string
	Generation int
	Text       []byte // at most sdk.MaxMetrics bytes, of any value
	Err        error  // why there is no text: ErrTooLarge, ErrDown, a deadline, or what the plugin says
}

// Metrics asks all ready plugins that have metrics at once, and returns when all have answered or ctx
// has ended. Plugins that have none are left out.
func (s *Set) Metrics(ctx context.Context) []MetricsAnswer {
	var asked []*generation
	for _, p := range s.Plugins() {
		if g := p.current.Load(); g != nil && slices.Contains(g.id.Features, featureMetrics) {
			asked = append(asked, g)
		}
	}
	answers := make([]MetricsAnswer, len(asked))
	var calls sync.WaitGroup
	for i, g := range asked {
		calls.Go(func() { answers[i] = g.metrics(ctx) })
	}
	calls.Wait()
	return slices.DeleteFunc(answers, func(a MetricsAnswer) bool { return status.Code(a.Err) == codes.Unimplemented })
}

// metrics asks one generation.
func (g *generation) metrics(ctx context.Context) MetricsAnswer {
	a := MetricsAnswer{Plugin: g.plugin.name, Generation: g.number}
	began := time.Now()
	// Beside the text there are its tag and its length.
	r, err := g.client.Metrics(ctx, &pluginv1.MetricsRequest{}, grpc.MaxCallRecvMsgSize(sdk.MaxMetrics+16))
	g.plugin.observe("Metrics", err, began)
	switch text := bound(status.Convert(err).Message(), maxViolation); status.Code(err) {
	case codes.OK:
		a.Text = r.GetText()
	case codes.Unimplemented:
		a.Err = err
	case codes.DeadlineExceeded:
		a.Err = context.DeadlineExceeded
	case codes.ResourceExhausted:
		a.Err = fmt.Errorf("%w: %s", ErrTooLarge, text)
	case codes.Unavailable, codes.Canceled:
		a.Err = fmt.Errorf("%w: %s", ErrDown, text)
	default:
		a.Err = errors.New(text)
	}
	return a
}
