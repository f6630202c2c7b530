package host

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/soltihq/solti-host/host/internal/api"
	"github.com/soltihq/solti-host/host/internal/event"
	"github.com/soltihq/solti-host/host/internal/metrics"
	"github.com/soltihq/solti-host/host/internal/metrics/foreign"
	"github.com/soltihq/solti-host/host/internal/output"
	"github.com/soltihq/solti-host/host/internal/plugin"
	"github.com/soltihq/solti-host/host/internal/store"
)

// pluginMetrics asks the plugins for their metrics.
func (h *Host) pluginMetrics(ctx context.Context) []foreign.Answer {
	if h.plugins == nil {
		return nil
	}
	told := h.plugins.Metrics(ctx)
	answers := make([]foreign.Answer, len(told))
	for i, a := range told {
		if errors.Is(a.Err, plugin.ErrTooLarge) {
			a.Err = fmt.Errorf("%w: %w", foreign.ErrTooLarge, a.Err)
		}
		answers[i] = foreign.Answer(a)
	}
	return answers
}

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

// published is told the records of every unit when they are durable, in order.
func (h *Host) published(records []event.Record) {
	h.metrics.Records(records)
	h.bus.Publish(records)
	h.janitor.told(records)
}
