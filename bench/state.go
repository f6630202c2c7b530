package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/soltihq/solti-host/host"
	"github.com/soltihq/solti-host/host/task"
)

// keep is longer than any measurement, so that no sweep takes what was prepared.
const keep = 24 * time.Hour

// stateSize compares a host on many finished tasks with one on none.
func stateSize(ctx context.Context, b *bench) error {
	n := b.size(100_000, 2000)
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	empty, full := filepath.Join(dir, "empty"), filepath.Join(dir, "full")
	if err := errors.Join(os.Mkdir(empty, 0o700), os.Mkdir(full, 0o700)); err != nil {
		return err
	}
	began := time.Now()
	if err := errors.Join(fill(ctx, empty, 1), fill(ctx, full, n)); err != nil {
		return err
	}
	b.report.note("prepared %d finished tasks of one run each in %.1f s", n, time.Since(began).Seconds())

	sizes := b.report.table("a host started on finished tasks, after kill -9",
		"tasks", "ready ms", "start CPU ms", "read file ms", "store MiB", "RSS MiB", "PSS MiB", "live MiB", "live bytes/task")
	few, err := b.started(ctx, empty, 1, sizes, nil)
	if err != nil {
		return err
	}
	many, err := b.started(ctx, full, n, sizes, few)
	if err != nil {
		return err
	}
	calls := b.report.table("one client over the Unix socket, in ms",
		"request", "p50, 1 task", "p50", "p99", "ratio")
	for _, name := range []string{"get", "list of a slot", "list 100, first", "list 100, at 90%", "list all pages"} {
		m := many.calls[name]
		base := any(nil)
		ratio := any(nil)
		if f := few.calls[name]; len(f) > 0 {
			base, ratio = quantile(f, 0.5), quantile(m, 0.5)/quantile(f, 0.5)
		}
		calls.row(name, base, quantile(m, 0.5), quantile(m, 0.99), ratio)
	}
	return nil
}

// fill makes the state of a host that has run n tasks. Embedded tasks take the same way through
// supervisor and store as those of plugins, without the cost of a process each.
func fill(ctx context.Context, dir string, n int) error {
	h, err := host.New(host.Options{StateDir: filepath.Join(dir, "state"), Retention: host.Retention{RunTTL: keep, TaskTTL: keep}})
	if err != nil {
		return err
	}
	err = h.Start(ctx)
	if err == nil {
		err = runAll(ctx, h, n)
	}
	return errors.Join(err, h.Shutdown(context.WithoutCancel(ctx)))
}

func runAll(ctx context.Context, h *host.Host, n int) error {
	var next atomic.Int64
	var wg sync.WaitGroup
	errs := make(chan error, 1)
	for range 256 {
		wg.Go(func() {
			for i := next.Add(1); i <= int64(n); i = next.Add(1) {
				if err := runOne(ctx, h, int(i)); err != nil {
					next.Store(int64(n))
					select {
					case errs <- err:
					default:
					}
				}
			}
		})
	}
	wg.Wait()
	close(errs)
	return <-errs
}

func runOne(ctx context.Context, h *host.Host, i int) error {
	t := &task.Task{
		APIVersion: task.APIVersion, Kind: task.KindTask,
		Metadata: task.Metadata{Name: taskName(i), Labels: map[string]string{"team": "infra", "shard": fmt.Sprint(i % 100)}},
		Spec:     task.Spec{Slot: task.Slot(taskName(i))},
	}
	t, err := h.SubmitFunc(ctx, t, func(context.Context, *host.Run) error { return nil })
	if err != nil {
		return err
	}
	t, err = h.Wait(ctx, t.Metadata.Name, t.Metadata.UID)
	if err == nil && t.Status.Phase != task.Succeeded {
		err = fmt.Errorf("task %s: %+v", t.Metadata.Name, t.Status)
	}
	return err
}

func taskName(i int) task.Name { return task.Name(fmt.Sprintf("task-%06d", i)) }

// A standing is a host that has been started on a state.
type standing struct {
	live  float64 // bytes of the heap that are in use
	calls map[string][]time.Duration
}

// started starts a host on the state of n tasks, kills it, starts it again, and measures that one
// against base.
func (b *bench) started(ctx context.Context, dir string, n int, t *table, base *standing) (*standing, error) {
	args := []string{"--retention-run-ttl", keep.String(), "--retention-task-ttl", keep.String()}
	var ready []time.Duration
	for range b.size(4, 1) {
		h, err := b.start(ctx, dir, args...)
		if err != nil {
			return nil, err
		}
		ready = append(ready, h.ready)
		h.kill()
	}
	h, err := b.start(ctx, dir, args...)
	if err != nil {
		return nil, err
	}
	defer h.stop()
	ready = append(ready, h.ready)
	cpu, _ := cpuOf(h.pid())
	s := &standing{calls: make(map[string][]time.Duration)}
	rss, pss := memory(h.pid())
	size, read := readThrough(filepath.Join(h.dir, "state.db"))
	if err := s.ask(ctx, h, n, b.size(500, 20)); err != nil {
		return nil, err
	}
	m, err := h.metrics(ctx)
	if err != nil {
		return nil, err
	}
	s.live = m["go_memstats_next_gc_bytes"] / (1 + m["go_gc_gogc_percent"]/100) // how the collector set its goal
	perTask := any(nil)
	if base != nil {
		perTask = (s.live - base.live) / float64(n)
	}
	t.row(fmt.Sprint(n), quantile(ready, 0.5), int(cpu.Milliseconds()), float64(read)/float64(time.Millisecond), float64(size)/mib,
		rss, pss, s.live/mib, perTask)
	return s, nil
}

// readThrough reads a file, which is the least that a start on it takes.
func readThrough(path string) (size int64, took time.Duration) {
	began := time.Now()
	f, err := os.Open(path)
	if err != nil {
		return 0, 0
	}
	defer f.Close()
	size, _ = io.Copy(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{f})
	return size, time.Since(began)
}

// ask times each request so many times.
func (s *standing) ask(ctx context.Context, h *server, n, times int) error {
	deep, all, err := walk(ctx, h, n*9/10)
	if err != nil {
		return err
	}
	if deep != "" {
		s.calls["list all pages"] = []time.Duration{all}
	}
	list := func(q task.Query, want int) func() error {
		return func() error {
			l, err := h.client.List(ctx, q)
			if err == nil && len(l.Items) != want {
				err = fmt.Errorf("a page of %d tasks, want %d", len(l.Items), want)
			}
			return err
		}
	}
	page := min(n, 100)
	requests := map[string]func() error{
		"get": func() error {
			_, err := h.client.Get(ctx, taskName(1+rand.IntN(n)))
			return err
		},
		"list of a slot":  list(task.Query{Slot: task.Slot(taskName((n + 1) / 2))}, 1),
		"list 100, first": list(task.Query{Limit: 100}, page),
	}
	if deep != "" {
		requests["list 100, at 90%"] = list(task.Query{Limit: 100, Continue: deep}, page)
	}
	for name, do := range requests {
		for range times {
			began := time.Now()
			if err := do(); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			s.calls[name] = append(s.calls[name], time.Since(began))
		}
	}
	return nil
}

// walk reads all pages, and returns a token for a page after so many tasks and how long it took.
func walk(ctx context.Context, h *server, after int) (token string, took time.Duration, err error) {
	began, seen := time.Now(), 0
	for q := (task.Query{Limit: min(task.MaxPage, max(1, after/9))}); ; {
		l, err := h.client.List(ctx, q)
		if err != nil {
			return "", 0, err
		}
		seen += len(l.Items)
		if q.Continue = l.Metadata.Continue; q.Continue == "" {
			return token, time.Since(began), nil
		}
		if token == "" && seen >= after {
			token = q.Continue
		}
	}
}
