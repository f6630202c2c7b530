package main

import (
	"fmt"
	"io"
	"runtime"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"

	"github.com/soltihq/solti-host/plugins/wasm/internal/moduletest"
	"github.com/soltihq/solti-host/plugins/wasm/internal/pool"
	"github.com/soltihq/solti-host/plugins/wasm/internal/wire"
)

// A stock is wazero in this process, as its documentation shows it, with a module compiled before.
type stock struct {
	runtime  wazero.Runtime
	compiled wazero.CompiledModule
	config   wazero.ModuleConfig
}

func newStock(k *kit, wasm []byte) (*stock, error) {
	s := &stock{runtime: wazero.NewRuntime(k.ctx)}
	if _, err := wasi_snapshot_preview1.Instantiate(k.ctx, s.runtime); err != nil {
		return nil, err
	}
	var err error
	s.compiled, err = s.runtime.CompileModule(k.ctx, wasm)
	s.config = wazero.NewModuleConfig().WithName("").WithArgs("guest").WithStdout(io.Discard).WithStderr(io.Discard)
	return s, err
}

// once makes an attempt: an instance, its start function, its end.
func (s *stock) once(k *kit) error {
	m, err := s.runtime.InstantiateModule(k.ctx, s.compiled, s.config)
	if m != nil {
		_ = m.Close(k.ctx)
	}
	return ended(err)
}

// reuse compares attempts in workers that are used again with wazero in this process: one at a time, and as
// many as there are processors.
func reuse(k *kit) error {
	here, err := newStock(k, moduletest.Hello(hello))
	if err != nil {
		return err
	}
	defer func() { _ = here.runtime.Close(k.ctx) }()
	b := k.binaries[0]
	p := pool.New(b.spawner, pool.Options{Jobs: 1 << 30})
	defer p.Close()
	for _, atOnce := range []int{1, runtime.NumCPU()} {
		if err := k.reuse(here, p, atOnce); err != nil {
			return err
		}
	}
	return nil
}

func (k *kit) reuse(here *stock, p *pool.Pool, atOnce int) error {
	workers := make(chan *pool.Worker, atOnce)
	var pids []int
	for range atOnce {
		w, err := p.Take(k.ctx, k.binaries[0].hello, "lease")
		if err != nil {
			return err
		}
		defer w.Kill()
		workers <- w
		pids = append(pids, w.PID())
	}
	job := wire.Job{Args: []string{"guest"}}
	again := func(w *pool.Worker) error {
		_, _, err := w.Run(job, &sink{}, wire.Limit{})
		return err
	}
	k.table(fmt.Sprintf("attempts of hello in workers that are used again, %d at a time; CPU in us each", atOnce),
		"round", "wazero here /s", "reused /s", "ratio", "wazero CPU", "own CPU", "worker CPU", "CPU ratio")
	n := k.size(5000, 200)
	var ratios, work []float64
	for round := range k.size(9, 1) {
		within, err := throughput(n, atOnce, func() error { return here.once(k) })
		if err != nil {
			return err
		}
		before := cpuOf(pids...)
		reused, err := each(n, workers, again)
		if err != nil {
			return err
		}
		worker := float64((cpuOf(pids...) - before).Microseconds()) / float64(n)
		ratios = append(ratios, reused.perSecond/within.perSecond)
		work = append(work, within.own/(reused.own+worker))
		k.row(fmt.Sprint(round+1), within.perSecond, reused.perSecond, ratios[round], within.own, reused.own, worker, work[round])
	}
	k.row("median", nil, nil, middle(ratios), nil, nil, nil, middle(work))
	return nil
}

// each does something n times, with every worker at a time.
func each(n int, workers chan *pool.Worker, do func(w *pool.Worker) error) (rate, error) {
	return throughput(n, cap(workers), func() error {
		w := <-workers
		defer func() { workers <- w }()
		return do(w)
	})
}

// goGuest compares attempts of a program in Go.
func goGuest(k *kit) error {
	wasm, err := k.goModule()
	if err != nil {
		return err
	}
	here, err := newStock(k, wasm)
	if err != nil {
		return err
	}
	defer func() { _ = here.runtime.Close(k.ctx) }()
	b := k.binaries[0]
	i, err := k.image(b, wasm)
	if err != nil {
		return err
	}
	fresh, reused := pool.New(b.spawner, pool.Options{Warm: 1}), pool.New(b.spawner, pool.Options{})
	defer fresh.Close()
	defer reused.Close()
	kinds := []kind{
		{"stock wazero, in one process", func() error { return here.once(k) }, nil},
		{"reused worker, normalised", func() error { return second(one(k, reused, i, "lease")) }, nil},
		{"fresh worker, normalised", func() error { return second(one(k, fresh, i, "")) }, func() error { return rested(k, fresh, 1) }},
	}
	for _, kind := range kinds[1:] { // the first worker is not there yet
		if err := kind.run(); err != nil {
			return err
		}
	}
	took, err := inTurns(kinds, k.size(200, 3))
	if err != nil {
		return err
	}
	k.table(fmt.Sprintf("attempts of a Go program of %.1f MB, in ms", float64(len(wasm))/1e6), "what", "p50", "p90", "p50 ratio")
	for i, kind := range kinds {
		k.row(kind.name, millis(took[i], 0.5), millis(took[i], 0.9), millis(took[i], 0.5)/millis(took[0], 0.5))
	}
	return nil
}
