package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// idle measures what a host and its plugins cost while they do nothing, beside an empty gRPC server.
func idle(ctx context.Context, b *bench) error {
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	f, err := startFloor(ctx, dir)
	if err != nil {
		return err
	}
	defer f.stop()
	var ready, launch []time.Duration
	var h *server
	for i := range b.size(5, 1) {
		if h != nil {
			h.stop()
		}
		fresh := filepath.Join(dir, fmt.Sprint(i))
		if err := os.Mkdir(fresh, 0o700); err != nil {
			return err
		}
		if h, err = b.start(ctx, fresh); err != nil {
			return err
		}
		m, err := h.metrics(ctx)
		if err != nil {
			return err
		}
		ready = append(ready, h.ready)
		launch = append(launch, time.Duration(m["solti_plugin_start_seconds_sum"]*float64(time.Second)))
	}
	defer func() { h.stop() }()
	t := b.report.table("processes that do nothing",
		"process", "ready ms", "RSS MiB", "PSS MiB", "RSS ratio", "threads", "goroutines", "CPU ms/10s", "sleeps/s")
	w := &resting{bench: b, server: h, table: t}
	rests := []rest{{"empty gRPC server in Go", f.cmd.Process.Pid, f.ready}}
	mine := func(when string) error {
		pids, err := h.plugins(ctx)
		if err != nil {
			return err
		}
		rests = append(rests, rest{"host" + when, h.pid(), quantile(ready, 0.5)})
		for name, pid := range pids {
			rests = append(rests, rest{"plugin " + name + when, pid, quantile(launch, 0.5)})
		}
		return w.watch(ctx, rests)
	}
	if err := mine(""); err != nil {
		return err
	}
	n := b.size(2000, 100)
	if err := h.work(ctx, n, "t", trueTask); err != nil {
		return err
	}
	rests = rests[:0]
	return mine(fmt.Sprintf(", after %d tasks", n))
}

// A rest is a process that is left alone.
type rest struct {
	name  string
	pid   int
	ready float64 // ms
}

// A resting looks at processes for a while in which nobody asks them for anything.
type resting struct {
	bench  *bench
	server *server
	table  *table
	base   float64 // RSS of the first process of all
}

func (w *resting) watch(ctx context.Context, rests []rest) error {
	window := time.Duration(w.bench.size(10_000, 500)) * time.Millisecond
	m, err := w.server.metrics(ctx) // the last question
	if err != nil {
		return err
	}
	if err := sleep(ctx, window/5); err != nil { // what the start or the tasks set off is over then
		return err
	}
	type look struct {
		cpu   time.Duration
		sleep int
	}
	before := make([]look, len(rests))
	for i, r := range rests {
		before[i].cpu, _ = cpuOf(r.pid)
		before[i].sleep = switches(r.pid)
	}
	if err := sleep(ctx, window); err != nil {
		return err
	}
	for i, r := range rests {
		cpu, _ := cpuOf(r.pid)
		slept := switches(r.pid) - before[i].sleep
		rss, pss := memory(r.pid)
		if w.base == 0 {
			w.base = rss
		}
		goroutines := any(nil)
		if r.pid == w.server.pid() {
			goroutines = int(m["go_goroutines"])
		}
		w.table.row(r.name, r.ready, rss, pss, rss/w.base, threads(r.pid), goroutines,
			(cpu-before[i].cpu).Seconds()*1000*10/window.Seconds(), float64(slept)/window.Seconds())
	}
	return nil
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// A floor is a running empty server.
type floor struct {
	cmd   *exec.Cmd
	stdin io.Closer
	ready float64 // ms
}

// startFloor builds the empty server and starts it a few times; the last one stays.
func startFloor(ctx context.Context, dir string) (*floor, error) {
	exe := filepath.Join(dir, "floor-server")
	build := exec.CommandContext(ctx, "go", "build", "-o", exe, "github.com/soltihq/solti-host/bench/floor")
	if out, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build the empty server: %w: %s", err, out)
	}
	var took []time.Duration
	for i := 0; ; i++ {
		cmd := exec.Command(exe, filepath.Join(dir, fmt.Sprintf("floor%d.sock", i)))
		in, err := cmd.StdinPipe()
		if err != nil {
			return nil, err
		}
		out, err := cmd.StdoutPipe()
		if err != nil {
			return nil, err
		}
		began := time.Now()
		if err := cmd.Start(); err != nil {
			return nil, err
		}
		f := &floor{cmd: cmd, stdin: in}
		_, err = bufio.NewReader(out).ReadString('\n')
		took = append(took, time.Since(began))
		if err != nil {
			f.stop()
			return nil, fmt.Errorf("the empty server did not start: %w", err)
		}
		if len(took) == 5 {
			f.ready = quantile(took, 0.5)
			return f, nil
		}
		f.stop()
	}
}

func (f *floor) stop() {
	_ = f.stdin.Close()
	_ = f.cmd.Wait()
}
