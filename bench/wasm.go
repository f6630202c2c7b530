package main

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/soltihq/solti-host/host/client"
	"github.com/soltihq/solti-host/host/task"
)

// wasm measures the runner for WebAssembly: its parts beside peers, by a program of the plugin's, and then
// attempts through the whole host.
func wasm(ctx context.Context, b *bench) error {
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	g := &gauge{bench: b, exe: filepath.Join(dir, "gauge"), worker: filepath.Join(b.bin, "embed", "wasm-worker")}
	if _, err := os.Stat(g.worker); err != nil {
		return fmt.Errorf("%w: run make build first", err)
	}
	build := exec.CommandContext(ctx, "go", "build", "-o", g.exe, "github.com/soltihq/solti-host/plugins/wasm/internal/gauge")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build what measures the plugin: %w: %s", err, out)
	}
	var last *table
	err = g.run(ctx, func(l gaugeLine) {
		if l.Table != "" {
			last = b.report.table(l.Table, l.Columns...)
			return
		}
		last.row(l.Row...)
	}, "-plugin", filepath.Join(b.bin, "plugins", "solti-runner-wasm"))
	if err != nil {
		return err
	}
	module, err := g.hello(ctx, filepath.Join(dir, "hello.wasm"))
	if err != nil {
		return err
	}
	if err := b.wasmFresh(ctx, g, module); err != nil {
		return fmt.Errorf("fresh attempts: %w", err)
	}
	if err := b.wasmReused(ctx, module); err != nil {
		return fmt.Errorf("reused workers: %w", err)
	}
	return nil
}

// A gauge is the plugin's own program that measures.
type gauge struct {
	bench       *bench
	exe, worker string
}

// A gaugeLine is what it writes: a table's head, or a row of the last one.
type gaugeLine struct {
	Table   string
	Columns []string
	Row     []any
}

func (g *gauge) run(ctx context.Context, each func(gaugeLine), args ...string) error {
	all := []string{"-worker", g.worker}
	if g.bench.short {
		all = append(all, "-short")
	}
	cmd := exec.CommandContext(ctx, g.exe, append(all, args...)...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	decoder := json.NewDecoder(bufio.NewReader(out))
	for {
		var l gaugeLine
		if err = decoder.Decode(&l); err != nil {
			break
		}
		each(l)
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return errors.Join(err, cmd.Wait())
}

// hello makes the module that the plugin's own measurements run too.
func (g *gauge) hello(ctx context.Context, path string) (m wasmModule, err error) {
	if out, err := exec.CommandContext(ctx, g.exe, "-module", path).CombinedOutput(); err != nil {
		return m, fmt.Errorf("make a module: %w: %s", err, out)
	}
	data, err := os.ReadFile(path)
	sum := sha256.Sum256(data)
	return wasmModule{Path: path, SHA256: hex.EncodeToString(sum[:])}, err
}

// A wasmModule says in a task what it runs.
type wasmModule struct {
	Path   string `json:"path"`
	SHA256 string `json:"sha256"`
}

// rate returns how many fresh attempts a second there are in the plugin alone.
func (g *gauge) rate(ctx context.Context) (perSecond float64, err error) {
	err = g.run(ctx, func(l gaugeLine) {
		if len(l.Row) > 3 {
			perSecond, _ = l.Row[3].(float64)
		}
	}, "-rounds", "1", "rate")
	return perSecond, err
}

// wasmFresh compares attempts in processes of their own, through HTTP, durable records and the plugin, with
// those that the plugin makes for itself.
func (b *bench) wasmFresh(ctx context.Context, g *gauge, module wasmModule) error {
	t := b.report.table("fresh attempts of hello through the whole host, 64 clients; CPU in us each",
		"round", "plugin alone /s", "host /s", "ratio", "host", "plugin", "workers", "client")
	n := b.size(1500, 30)
	for round := range b.size(5, 1) {
		alone, err := g.rate(ctx)
		if err != nil {
			return err
		}
		got, err := b.wasmRound(ctx, n, module)
		if err != nil {
			return err
		}
		t.row(fmt.Sprint(round+1), alone, got.rate, got.rate/alone, micros(got.used.host, n),
			micros(got.used.plugins, n), micros(got.used.children, n), micros(got.used.client, n))
	}
	return nil
}

// wasmRound has a new host run n tasks.
func (b *bench) wasmRound(ctx context.Context, n int, module wasmModule) (l loaded, err error) {
	err = b.withHost(ctx, func(h *server) error {
		if err := h.workWasm(ctx, 20, "warm", module); err != nil {
			return err
		}
		before, err := h.usage(ctx)
		if err != nil {
			return err
		}
		began := time.Now()
		if err := h.workWasm(ctx, n, "t", module); err != nil {
			return err
		}
		l.took = time.Since(began)
		after, err := h.usage(ctx)
		l.rate, l.used = float64(n)/l.took.Seconds(), after.since(before)
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

// workWasm runs n tasks to their end.
func (h *server) workWasm(ctx context.Context, n int, prefix string, module wasmModule) error {
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
				t := wasmTask(fmt.Sprintf("%s-%d", prefix, i), module, "process")
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
	return h.settle(ctx)
}

// wasmReused measures tasks that start again as soon as they end, each in a worker that it keeps.
func (b *bench) wasmReused(ctx context.Context, module wasmModule) error {
	t := b.report.table("attempts of hello of tasks that always restart and keep their worker, through the whole host; CPU in us each",
		"tasks", "attempts /s", "host", "plugin", "workers", "commits", "host sleeps", "plugin sleeps")
	for _, tasks := range []int{1, 4, 16} {
		err := b.withHost(ctx, func(h *server) error {
			for i := range tasks {
				again := wasmTask("again-"+strconv.Itoa(i), module, "reuse")
				again.Spec.Restart.Policy = task.Always
				if _, err := h.client.Create(ctx, again, client.CreateOptions{}); err != nil {
					return err
				}
			}
			row, err := b.wasmWatch(ctx, h)
			if err == nil {
				t.row(append([]any{strconv.Itoa(tasks)}, row...)...)
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// wasmWatch looks at a host whose tasks go on by themselves. Workers that live are children that were not waited
// for yet, so theirs is looked up process by process.
func (b *bench) wasmWatch(ctx context.Context, h *server) ([]any, error) {
	const counter = "solti_runner_tasks_completed_total"
	look := func() (u usage, workers time.Duration, err error) {
		if u, err = h.usage(ctx); err != nil {
			return u, 0, err
		}
		pids, err := h.plugins(ctx)
		return u, u.children + childrenOf(pids["wasm"]), err
	}
	// more returns what comes after so many attempts more, and a while that is long enough to be looked at.
	more := func(attempts float64, window time.Duration) (u usage, workers time.Duration, err error) {
		first, _, err := look()
		if err != nil {
			return u, 0, err
		}
		for began := time.Now(); time.Since(began) < time.Minute; {
			if err := sleep(ctx, max(window, 10*time.Millisecond)); err != nil {
				return u, 0, err
			}
			if u, workers, err = look(); err != nil || u.metrics[counter]-first.metrics[counter] >= attempts {
				return u, workers, err
			}
		}
		return u, 0, errors.New("no attempt ends")
	}
	before, workers, err := more(1, 0)
	if err != nil {
		return nil, err
	}
	after, workers2, err := more(1, time.Duration(b.size(5000, 300))*time.Millisecond)
	if err != nil {
		return nil, err
	}
	d := after.since(before)
	n := d.metrics[counter]
	each := func(d time.Duration) float64 { return float64(d.Microseconds()) / n }
	return []any{
		n / after.at.Sub(before.at).Seconds(), each(d.host), each(d.plugins), each(workers2 - workers),
		d.metrics["solti_store_commit_units_count"] / n, float64(d.hostSwitches) / n, float64(d.pluginSwitches) / n,
	}, nil
}

// childrenOf returns the processor time of a process's children that live.
func childrenOf(pid int) (sum time.Duration) {
	lists, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, list := range lists {
		text, _ := os.ReadFile(list)
		for word := range strings.FieldsSeq(string(text)) {
			child, _ := strconv.Atoi(word)
			own, _ := cpuOf(child)
			sum += own
		}
	}
	return sum
}

// wasmTask is a task in a slot of its own.
func wasmTask(name string, module wasmModule, isolation string) *task.Task {
	spec, _ := json.Marshal(struct {
		Module    wasmModule `json:"module"`
		Isolation string     `json:"isolation"`
	}{module, isolation})
	return &task.Task{
		APIVersion: task.APIVersion, Kind: task.KindTask,
		Metadata: task.Metadata{Name: task.Name(name)},
		Spec: task.Spec{
			Slot:     task.Slot(name),
			Workload: task.Workload{APIVersion: task.APIVersion, Kind: "Wasm", Spec: spec},
		},
	}
}
