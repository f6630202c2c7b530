package plugin

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/soltihq/solti-host/host/task"
)

// nothing is a Sink that keeps nothing.
type nothing struct{}

func (nothing) Started(string, map[string]string)            {}
func (nothing) Output(task.Stream, int64, []byte, time.Time) {}
func (nothing) Gap(task.Stream, int64, int64, string)        {}

// BenchmarkRun is the cost of one attempt, both sides of the socket included.
func BenchmarkRun(b *testing.B) {
	var failed atomic.Int64
	p := benchPlugin(b)
	b.ReportAllocs()
	b.SetParallelism(16)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			ctx, cancel := context.WithCancelCause(context.Background())
			if _, err := p.Run(ctx, attemptOf(p, "empty"), nothing{}); err != nil {
				failed.Add(1)
			}
			cancel(nil)
		}
	})
	if n := failed.Load(); n > 0 {
		b.Fatalf("%d runs failed", n)
	}
}

func benchPlugin(b *testing.B) *Plugin {
	set := newSet(b, map[string]Settings{"bench": {}})
	return set.awaitReady("bench")
}
