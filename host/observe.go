package host

import (
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/soltihq/solti-host/host/internal/api"
	"github.com/soltihq/solti-host/host/internal/metrics"
	"github.com/soltihq/solti-host/host/internal/output"
	"github.com/soltihq/solti-host/host/internal/store"
)

// tellCommits logs when the state cannot be written, and when it can again.
type tellCommits struct {
	store.Observer
	log    hclog.Logger
	failed bool // the last time; one goroutine uses it
}

// Committed implements [store.Observer].
func (c *tellCommits) Committed(units, records int, took time.Duration, err error) {
	c.Observer.Committed(units, records, took, err)
	switch {
	case err != nil && !c.failed:
		c.log.Warn("the state cannot be written: new tasks are refused, and what runs goes on", "error", err)
	case err == nil && c.failed:
		c.log.Info("the state can be written again")
	}
	c.failed = err != nil
}

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
