package host

import (
	"github.com/soltihq/solti-host/host/internal/api"
	"github.com/soltihq/solti-host/host/internal/metrics"
	"github.com/soltihq/solti-host/host/internal/output"
)

// countOutput counts what tasks write.
type countOutput struct{ *metrics.OutputObserver }

func newCountOutput(o *metrics.OutputObserver) countOutput {
	for _, why := range output.Drops {
		o.Reasons(string(why))
	}
	return countOutput{o}
}

// Dropped implements [output.Observer].
func (c countOutput) Dropped(why output.Drop, n int64) { c.Lost(string(why), n) }

// countRequests counts requests of the API.
type countRequests struct{ *metrics.APIObserver }

// End implements [api.Observer].
func (c countRequests) End(r api.Request) {
	c.Done(r.Transport, r.Method, r.Path, r.Status, r.Duration)
}
