package runner

import (
	"time"

	"github.com/soltihq/solti-host/plugins/wasm/internal/metrics"
	"github.com/soltihq/solti-host/plugins/wasm/internal/wire"
)

// A stopwatch counts the phases of an attempt. Those that it does not come to the end of are not counted.
type stopwatch struct {
	metrics *metrics.Metrics
	begun   time.Time // the phase that is on
}

func newStopwatch(m *metrics.Metrics) stopwatch { return stopwatch{m, time.Now()} }

// lap ends a phase, and begins the next.
func (s *stopwatch) lap(p metrics.Phase) {
	now := time.Now()
	s.metrics.Phase(p, now.Sub(s.begun))
	s.begun = now
}

// guest counts the phases of a guest that is over since finished, and ends the last of them. How they
// divide is the worker's word; a guest that was stopped has run all the time.
func (s *stopwatch) guest(status wire.Status, finished time.Time) {
	all := max(finished.Sub(s.begun), 0)
	begun := min(max(status.Instantiated, 0), all)
	s.metrics.Phase(metrics.Instantiate, begun)
	s.metrics.Phase(metrics.Run, all-begun)
	s.begun = finished
	s.lap(metrics.Teardown)
}
