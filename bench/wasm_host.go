package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/soltihq/solti-host/host/client"
	"github.com/soltihq/solti-host/host/task"
)

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
		got, err := b.load(ctx, batch{n: n, warm: 20, make: module.fresh})
		if err != nil {
			return err
		}
		t.row(fmt.Sprint(round+1), alone, got.rate, got.rate/alone, micros(got.used.host, n),
			micros(got.used.plugins, n), micros(got.used.children, n), micros(got.used.client, n))
	}
	return nil
}

// wasmReused measures tasks that start again as soon as they end, each in a worker that it keeps.
func (b *bench) wasmReused(ctx context.Context, module wasmModule) error {
	t := b.report.table("attempts of hello of tasks that always restart and keep their worker, through the whole host; CPU in us each",
		"tasks", "attempts /s", "host", "plugin", "workers", "commits", "host sleeps", "plugin sleeps")
	for _, tasks := range []int{1, 4, 16} {
		err := b.wasmAgain(ctx, tasks, module, func(h *server) error {
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
	if b.profile == "" {
		return nil
	}
	const tasks = 16
	return b.wasmAgain(ctx, tasks, module, func(h *server) error { return b.wasmProfile(ctx, h) })
}

// wasmAgain starts a host with tasks that start again as soon as they end, for the time of do.
func (b *bench) wasmAgain(ctx context.Context, tasks int, module wasmModule, do func(h *server) error) error {
	return b.withHost(ctx, func(h *server) error {
		for i := range tasks {
			again := module.task("again-"+strconv.Itoa(i), "reuse")
			again.Spec.Restart.Policy = task.Always
			if _, err := h.client.Create(ctx, again, client.CreateOptions{}); err != nil {
				return err
			}
		}
		return do(h)
	})
}

// wasmProfile shows where the time of host and plugin goes. It needs perf, and the right to use it.
func (b *bench) wasmProfile(ctx context.Context, h *server) error {
	if err := os.MkdirAll(b.profile, 0o755); err != nil {
		return err
	}
	data := filepath.Join(b.profile, "wasm-reused.data")
	stop, err := record(data)(ctx, h)
	if err != nil {
		return err
	}
	before, err := h.usage(ctx)
	if err == nil {
		err = sleep(ctx, time.Duration(b.size(5000, 300))*time.Millisecond)
	}
	after, err2 := h.usage(ctx)
	stop()
	if err = errors.Join(err, err2); err != nil {
		return err
	}
	n := int(after.metrics[attempts] - before.metrics[attempts])
	if n == 0 {
		return errors.New("no attempt has ended while perf looked")
	}
	return b.areas(ctx, data, n, "attempt")
}

// attempts is the host's counter of attempts that are over.
const attempts = "solti_runner_tasks_completed_total"

// wasmWatch looks at a host whose tasks go on by themselves. Workers that live are children that were not waited
// for yet, so theirs is looked up process by process.
func (b *bench) wasmWatch(ctx context.Context, h *server) ([]any, error) {
	look := func() (u usage, workers time.Duration, err error) {
		if u, err = h.usage(ctx); err != nil {
			return u, 0, err
		}
		pids, err := h.plugins(ctx)
		return u, u.children + childrenOf(pids["wasm"]), err
	}
	// more returns what comes after so many attempts more, and a while that is long enough to be looked at.
	more := func(n float64, window time.Duration) (u usage, workers time.Duration, err error) {
		first, _, err := look()
		if err != nil {
			return u, 0, err
		}
		for began := time.Now(); time.Since(began) < time.Minute; {
			if err := sleep(ctx, max(window, 10*time.Millisecond)); err != nil {
				return u, 0, err
			}
			if u, workers, err = look(); err != nil || u.metrics[attempts]-first.metrics[attempts] >= n {
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
	n := d.metrics[attempts]
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
