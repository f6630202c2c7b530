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

// fresh is a task that runs the module in a process of its own.
func (m wasmModule) fresh(name string) *task.Task { return m.task(name, "process") }

// task is a task that runs the module.
func (m wasmModule) task(name, isolation string) *task.Task {
	return alone(name, "Wasm", struct {
		Module    wasmModule `json:"module"`
		Isolation string     `json:"isolation"`
	}{m, isolation})
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
