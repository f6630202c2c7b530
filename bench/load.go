package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/soltihq/solti-host/host/client"
	"github.com/soltihq/solti-host/host/task"
)

// inFlight is how many clients submit at once: enough that none of them waits for the disk alone.
const inFlight = 64

// A maker makes a task of that name, in a slot of its own.
type maker func(name string) *task.Task

// A batch is tasks that a new host runs.
type batch struct {
	n     int // tasks that are measured
	warm  int // tasks before them
	make  maker
	watch watch // started on the processes before what is measured, and stopped after; may be nil
}

// A loaded is what one batch took.
type loaded struct {
	rate float64 // tasks over in a second
	took time.Duration
	used usage
}

// load has a new host run a batch to its end.
func (b *bench) load(ctx context.Context, t batch) (l loaded, err error) {
	err = b.withHost(ctx, func(h *server) error {
		if err := h.work(ctx, t.warm, "warm", t.make); err != nil {
			return err
		}
		if t.watch != nil {
			stop, err := t.watch(ctx, h)
			if err != nil {
				return err
			}
			defer stop()
		}
		before, err := h.usage(ctx)
		if err != nil {
			return err
		}
		began := time.Now()
		if err := h.work(ctx, t.n, "t", t.make); err != nil {
			return err
		}
		l.took = time.Since(began)
		l.rate = float64(t.n) / l.took.Seconds()
		after, err := h.usage(ctx)
		l.used = after.since(before)
		return err
	})
	return l, err
}

// withHost starts a host in a directory of its own for the time of do.
func (b *bench) withHost(ctx context.Context, do func(h *server) error) error {
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	h, err := b.start(ctx, dir)
	if err != nil {
		return err
	}
	defer h.stop()
	return do(h)
}

// work runs n tasks to their end.
func (h *server) work(ctx context.Context, n int, prefix string, of maker) error {
	if err := h.submit(ctx, n, prefix, of); err != nil {
		return err
	}
	return h.settle(ctx)
}

// submit submits n tasks from inFlight clients.
func (h *server) submit(ctx context.Context, n int, prefix string, of maker) error {
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
				if _, err := h.client.Create(ctx, of(fmt.Sprintf("%s-%d", prefix, i)), client.CreateOptions{}); err != nil {
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

// trueTask is a task that runs /bin/true.
func trueTask(name string) *task.Task { return subprocess(name, "/bin/true") }

// subprocess is a task of kind Subprocess in a slot of its own.
func subprocess(name, command string, args ...string) *task.Task {
	return alone(name, "Subprocess", struct {
		Command string   `json:"command"`
		Args    []string `json:"args,omitempty"`
	}{command, args})
}

// alone is a task in a slot of its own.
func alone(name, kind string, workload any) *task.Task {
	spec, _ := json.Marshal(workload)
	return &task.Task{
		APIVersion: task.APIVersion, Kind: task.KindTask,
		Metadata: task.Metadata{Name: task.Name(name)},
		Spec: task.Spec{
			Slot:     task.Slot(name),
			Workload: task.Workload{APIVersion: task.APIVersion, Kind: kind, Spec: spec},
		},
	}
}
