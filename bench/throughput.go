package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"sync/atomic"
	"time"

	"github.com/soltihq/solti-host/host/client"
	"github.com/soltihq/solti-host/host/task"
)

// throughput compares /bin/true through the whole path (HTTP submission, durable records, plugin,
// supervisor, history) with os/exec spawning it at its best concurrency, in turns.
func throughput(ctx context.Context, b *bench, out io.Writer) error {
	n, rounds := 4000, 3
	if b.short {
		n, rounds = 300, 1
	}
	fmt.Fprintf(out, "%-8s %14s %14s %8s %20s\n", "round", "os/exec /s", "solti-host /s", "ratio", "CPU us/task (host+plugin)")
	for r := range rounds {
		peer := 0.0
		for _, c := range []int{2, 4, 8} {
			peer = max(peer, spawnRate(n/2, c))
		}
		rate, cpu, err := b.taskRate(ctx, n, 64)
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "%-8d %14.0f %14.0f %8.2f %20.0f\n", r+1, peer, rate, rate/peer, float64(cpu.Microseconds()))
	}
	return nil
}

// spawnRate runs /bin/true n times with c at a time and returns how many ended a second.
func spawnRate(n, c int) float64 {
	var left atomic.Int64
	left.Store(int64(n))
	var wg sync.WaitGroup
	began := time.Now()
	for range c {
		wg.Go(func() {
			for left.Add(-1) >= 0 {
				_ = exec.Command("/bin/true").Run()
			}
		})
	}
	wg.Wait()
	return float64(n) / time.Since(began).Seconds()
}

// taskRate submits n tasks from c clients and returns how many were over a second, and the processor
// time of host and plugin for each.
func (b *bench) taskRate(ctx context.Context, n, c int) (float64, time.Duration, error) {
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return 0, 0, err
	}
	defer os.RemoveAll(dir)
	h, err := b.start(ctx, dir)
	if err != nil {
		return 0, 0, err
	}
	defer h.stop()
	if err := submitAll(ctx, h.client, 200, c, "warm"); err != nil {
		return 0, 0, err
	}
	if err := h.settle(ctx); err != nil {
		return 0, 0, err
	}
	cpu, began := h.cpu(), time.Now()
	if err := submitAll(ctx, h.client, n, c, "t"); err != nil {
		return 0, 0, err
	}
	if err := h.settle(ctx); err != nil {
		return 0, 0, err
	}
	took := time.Since(began)
	return float64(n) / took.Seconds(), (h.cpu() - cpu) / time.Duration(n), nil
}

func submitAll(ctx context.Context, c *client.Client, n, workers int, prefix string) error {
	var next atomic.Int64
	var failed atomic.Pointer[error]
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for failed.Load() == nil {
				i := next.Add(1)
				if i > int64(n) {
					return
				}
				if _, err := c.Create(ctx, trueTask(fmt.Sprintf("%s-%d", prefix, i)), client.CreateOptions{}); err != nil {
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

func trueTask(name string) *task.Task {
	return &task.Task{
		APIVersion: task.APIVersion, Kind: task.KindTask,
		Metadata: task.Metadata{Name: task.Name(name)},
		Spec: task.Spec{
			Slot:     task.Slot(name),
			Workload: task.Workload{APIVersion: task.APIVersion, Kind: "Subprocess", Spec: json.RawMessage(`{"command":"/bin/true"}`)},
		},
	}
}

// settle waits until every task is over, and fails if one did not succeed.
func (h *host) settle(ctx context.Context) error {
	for {
		l, err := h.client.List(ctx, task.Query{Phases: []task.Phase{task.Pending, task.Running}, Limit: 1})
		if err != nil {
			return err
		}
		if len(l.Items) == 0 {
			break
		}
		time.Sleep(5 * time.Millisecond)
	}
	l, err := h.client.List(ctx, task.Query{Phases: []task.Phase{task.Failed, task.Exhausted, task.Canceled, task.Timeout}, Limit: 1})
	if err != nil {
		return err
	}
	if len(l.Items) > 0 {
		return fmt.Errorf("task %s did not succeed: %+v", l.Items[0].Metadata.Name, l.Items[0].Status)
	}
	return nil
}
