package execute

import (
	"maps"
	"slices"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/soltihq/solti-host/host/internal/output"
	"github.com/soltihq/solti-host/host/internal/plugin"
	"github.com/soltihq/solti-host/host/internal/supervisor"
	"github.com/soltihq/solti-host/host/task"
)

// A sink hands what a runner sends on to the output, the supervisor and the log.
type sink struct {
	attempt supervisor.Attempt
	writer  *output.Writer
	log     hclog.Logger
}

var _ plugin.Events = (*sink)(nil)

func (s *sink) Started(_ string, facts map[string]string) {
	if len(facts) > 0 {
		s.attempt.Facts(facts)
	}
	s.attempt.Started()
}

func (s *sink) Output(stream task.Stream, offset int64, data []byte, at time.Time) {
	s.writer.Write(stream, offset, data, at)
}

func (s *sink) Gap(stream task.Stream, offset, n int64, why string) {
	s.writer.Gap(stream, offset, n, why, time.Now())
}

// Event logs what the runner tells of the attempt, for who looks for the reason of something.
func (s *sink) Event(name, message string, attributes map[string]string, at time.Time) {
	if !s.log.IsDebug() {
		return
	}
	facts := []any{"task", s.attempt.Task.Metadata.Name, "attempt", s.attempt.Run.Attempt, "event", name, "message", message, "at", at}
	for _, key := range slices.Sorted(maps.Keys(attributes)) {
		facts = append(facts, "event."+key, attributes[key])
	}
	s.log.Debug("a runner tells of an attempt", facts...)
}

// Stats are not shown anywhere.
func (s *sink) Stats(plugin.Stats) {}
