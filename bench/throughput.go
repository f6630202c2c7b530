package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/soltihq/solti-host/host/client"
	"github.com/soltihq/solti-host/host/task"
)

// inFlight is how many clients submit at once: enough that none of them waits for the disk alone.
const inFlight = 64

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
		got, err := b.load(ctx, n, nil)
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

// A loaded is what one run of tasks took.
type loaded struct {
	rate float64 // tasks over in a second
	took time.Duration
	used usage
}

// load submits n tasks to a new host and waits until they are over. A watch, if there is one, is
// started on the processes before and stopped after.
func (b *bench) load(ctx context.Context, n int, watch watch) (loaded, error) {
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return loaded{}, err
	}
	defer os.RemoveAll(dir)
	h, err := b.start(ctx, dir)
	if err != nil {
		return loaded{}, err
	}
	defer h.stop()
	if err := h.work(ctx, 200, "warm"); err != nil {
		return loaded{}, err
	}
	if watch != nil {
		stop, err := watch(ctx, h)
		if err != nil {
			return loaded{}, err
		}
		defer stop()
	}
	before, err := h.usage(ctx)
	if err != nil {
		return loaded{}, err
	}
	began := time.Now()
	if err := h.work(ctx, n, "t"); err != nil {
		return loaded{}, err
	}
	took := time.Since(began)
	after, err := h.usage(ctx)
	return loaded{rate: float64(n) / took.Seconds(), took: took, used: after.since(before)}, err
}

// work runs n tasks to their end.
func (h *server) work(ctx context.Context, n int, prefix string) error {
	if err := h.submit(ctx, n, prefix); err != nil {
		return err
	}
	return h.settle(ctx)
}

// submit submits n tasks from inFlight clients.
func (h *server) submit(ctx context.Context, n int, prefix string) error {
	var next atomic.Int64
	var failed atomic.Pointer[error]
	var wg sync.WaitGroup
	for range inFlight {
		wg.Go(func() {
			for failed.Load() == nil {
				i := next.Add(1)
				if i > int64(n) {
					return
				}
				t := subprocess(fmt.Sprintf("%s-%d", prefix, i), "/bin/true")
				if _, err := h.client.Create(ctx, t, client.CreateOptions{}); err != nil {
					failed.Store(&err)
				}
			}
		})
	}
	wg.Wait()
	if err := failed.Load(); err != nil {
		return *err
	}
	return nil
}

// subprocess is a task in a slot of its own.
func subprocess(name, command string, args ...string) *task.Task {
	spec, _ := json.Marshal(struct {
		Command string   `json:"command"`
		Args    []string `json:"args,omitempty"`
	}{command, args})
	return &task.Task{
		APIVersion: task.APIVersion, Kind: task.KindTask,
		Metadata: task.Metadata{Name: task.Name(name)},
		Spec: task.Spec{
			Slot:     task.Slot(name),
			Workload: task.Workload{APIVersion: task.APIVersion, Kind: "Subprocess", Spec: spec},
		},
	}
}
