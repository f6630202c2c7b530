package bolt

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/soltihq/solti-host/host/internal/event"
	"github.com/soltihq/solti-host/host/internal/store"
	"github.com/soltihq/solti-host/host/internal/store/storetest"
	"github.com/soltihq/solti-host/host/task"
)

// groups remembers the sizes of the groups that were committed.
type groups struct{ sizes []int }

func (g *groups) Committed(_, records int, _ time.Duration, _ error) {
	g.sizes = append(g.sizes, records)
}

// BenchmarkCommit has so many appenders take tasks through accept, start and end, each waiting for each of
// the three. It reports units per second, how many went into one transaction, and how the time compares
// with the floor: appending the same bytes to a plain file in the same groups, each synced.
func BenchmarkCommit(b *testing.B) {
	for _, appenders := range []int{1, 16, 64, 256} {
		b.Run(fmt.Sprintf("appenders=%d", appenders), func(b *testing.B) { benchCommit(b, appenders) })
	}
}

func benchCommit(b *testing.B, appenders int) {
	s, err := Open(filepath.Join(b.TempDir(), "store"), Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	g := new(groups)
	c := store.NewCommitter(s, store.CommitterOptions{Observer: g})
	template := storetest.NewHistory().Accept("bench", 300)
	template.Key = nil
	var left atomic.Int64
	left.Store(int64(b.N))
	start := time.Now()
	b.ResetTimer()
	var wg sync.WaitGroup
	for range appenders {
		wg.Go(func() {
			done := make(chan error, 1)
			var accepted event.Record
			for i := 0; left.Add(-1) >= 0; i++ {
				var r event.Record
				if i%3 == 0 {
					t := *template.Task
					t.Metadata.UID = task.NewUID(time.Now())
					accepted, accepted.Task = template, &t
					r = accepted
				} else {
					r = step(accepted, 1, i%3 == 2)
				}
				c.Append([]event.Record{r}, func(err error) { done <- err })
				if err := <-done; err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	b.StopTimer()
	took := time.Since(start)
	if err := c.Close(b.Context()); err != nil {
		b.Fatal(err)
	}
	floor := floorOf(b, g.sizes)
	b.ReportMetric(float64(b.N)/took.Seconds(), "units/s")
	b.ReportMetric(float64(b.N)/float64(len(g.sizes)), "units/group")
	b.ReportMetric(float64(took)/float64(floor), "x-floor")
}

// floorOf returns how long it takes to append groups of records to a file and to sync each.
func floorOf(b *testing.B, sizes []int) time.Duration {
	f, err := os.Create(filepath.Join(b.TempDir(), "floor"))
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	const record = 300
	start := time.Now()
	for _, n := range sizes {
		if _, err := f.Write(make([]byte, n*record)); err != nil {
			b.Fatal(err)
		}
		if err := f.Sync(); err != nil {
			b.Fatal(err)
		}
	}
	return time.Since(start)
}
