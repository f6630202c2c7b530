package main

import (
	"context"
	"fmt"
	"os/exec"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// throughput compares /bin/true through the whole path (HTTP submission, durable records, plugin,
// supervisor, history) with os/exec spawning it at its best concurrency, before and after each round:
// what else the machine does changes from one to the next.
func throughput(ctx context.Context, b *bench) error {
	n, rounds := b.size(3000, 300), b.size(5, 1)
	rates := b.report.table("tasks of /bin/true; CPU in us per task",
		"round", "os/exec /s", "host /s", "ratio", "os/exec CPU", "host", "plugin", "children", "client", "CPU ratio")
	var all []loaded
	var figures [][]float64
	peer := bestSpawn(n/3, 2, 4, 8)
	for r := range rounds {
		got, err := b.load(ctx, batch{n: n, warm: 200, make: trueTask})
		if err != nil {
			return err
		}
		before := peer
		peer = bestSpawn(n/3, 2, 4, 8)
		all = append(all, got)
		figures = append(figures, got.against(n, before, peer))
		rates.row(append([]any{fmt.Sprint(r + 1)}, anys(figures[r])...)...)
	}
	rates.row(append([]any{"median"}, anys(medians(figures))...)...)
	b.costs(all, n)
	if b.profile == "" {
		return nil
	}
	return b.profiled(ctx, n)
}

// against returns the figures of n tasks beside those of two peers, of which the mean counts.
func (l loaded) against(n int, before, after spawned) []float64 {
	rate, cpu := (before.rate+after.rate)/2, micros(before.cpu+after.cpu, 2)
	u := l.used
	return []float64{
		rate, l.rate, l.rate / rate, cpu, micros(u.host, n), micros(u.plugins, n), micros(u.children, n),
		micros(u.client, n), cpu / micros(u.total(), n),
	}
}

// costs reports what tasks cost beside processor time.
func (b *bench) costs(all []loaded, n int) {
	costs := b.report.table("what a task costs beside CPU",
		"round", "commits", "records", "commit ms", "fsync share", "host allocs", "host KiB", "host GCs/1000", "host sleeps", "plugin sleeps")
	for r, l := range all {
		m, per := l.used.metrics, float64(n)
		commits := m["solti_store_commit_units_count"]
		costs.row(fmt.Sprint(r+1), commits/per, m["solti_store_commit_units_sum"]/per,
			1000*m["solti_store_commit_seconds_sum"]/commits, m["solti_store_commit_seconds_sum"]/l.took.Seconds(),
			m["go_memstats_mallocs_total"]/per, m["go_memstats_alloc_bytes_total"]/1024/per, 1000*m["go_gc_duration_seconds_count"]/per,
			float64(l.used.hostSwitches)/per, float64(l.used.pluginSwitches)/per)
	}
}

// medians returns the median of each column.
func medians(rows [][]float64) []float64 {
	of := make([]float64, len(rows[0]))
	for i := range of {
		column := make([]float64, len(rows))
		for r := range rows {
			column[r] = rows[r][i]
		}
		slices.Sort(column)
		of[i] = column[len(column)/2]
	}
	return of
}

func anys(figures []float64) []any {
	cells := make([]any, len(figures))
	for i, f := range figures {
		cells[i] = f
	}
	return cells
}

func micros(d time.Duration, n int) float64 {
	return float64(d) / float64(n) / float64(time.Microsecond)
}

// A spawned is how os/exec does.
type spawned struct {
	rate float64       // a second
	cpu  time.Duration // of one process, parent and child
}

// bestSpawn spawns n times at each concurrency and returns the fastest.
func bestSpawn(n int, concurrency ...int) (best spawned) {
	for _, c := range concurrency {
		if s := spawn(n, c); s.rate > best.rate {
			best = s
		}
	}
	return best
}

// spawn runs /bin/true n times with c at a time.
func spawn(n, c int) spawned {
	var left atomic.Int64
	left.Store(int64(n))
	own, ended := selfCPU()
	began := time.Now()
	var wg sync.WaitGroup
	for range c {
		wg.Go(func() {
			for left.Add(-1) >= 0 {
				_ = exec.Command("/bin/true").Run()
			}
		})
	}
	wg.Wait()
	rate := float64(n) / time.Since(began).Seconds()
	own2, ended2 := selfCPU()
	return spawned{rate: rate, cpu: (own2 - own + ended2 - ended) / time.Duration(n)}
}
