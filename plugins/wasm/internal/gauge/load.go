package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/tetratelabs/wazero/sys"
	"golang.org/x/sys/unix"

	"github.com/soltihq/solti-host/plugins/wasm/internal/cache"
	"github.com/soltihq/solti-host/plugins/wasm/internal/compile"
	"github.com/soltihq/solti-host/plugins/wasm/internal/spawn"
	"github.com/soltihq/solti-host/plugins/wasm/internal/wire"
)

// ended takes the end of a guest that exits with 0 for a success.
func ended(err error) error {
	var exit *sys.ExitError
	if errors.As(err, &exit) && exit.ExitCode() == 0 {
		return nil
	}
	return err
}

// A started worker has loaded its module.
type started struct {
	proc   *spawn.Process
	parent *wire.Parent
	took   time.Duration // from before the fork
	cpu    time.Duration // of the worker until then
}

// start starts a worker as the pool does, with nobody else around.
func (k *kit) start(b *binary, load wire.Load) (*started, error) {
	began := time.Now()
	parent, child, err := wire.NewParent()
	if err != nil {
		return nil, err
	}
	s := &started{parent: parent}
	s.proc, err = b.spawner.Start(&spawn.Command{
		Args: []string{wire.Mode}, Name: "solti-wasm-worker", Env: []string{"GOMAXPROCS=1", "TMPDIR=" + k.dir},
		Files: []*os.File{child}, Limits: []spawn.Limit{{Resource: unix.RLIMIT_CORE}},
	})
	_ = child.Close()
	if err != nil {
		return nil, errors.Join(err, parent.Close())
	}
	if _, err := parent.Load(k.ctx, load); err != nil {
		s.end()
		return nil, err
	}
	s.took, s.cpu = time.Since(began), cpuOf(s.proc.PID())
	return s, nil
}

func (s *started) end() {
	s.proc.Stop(time.Minute)
	_ = s.parent.Close()
}

// loading tells what a worker's start takes, with each of the binaries, and for a module over 1 MB beside its
// compilation.
func loading(k *kit) error {
	wasm, err := k.goModule()
	if err != nil {
		return err
	}
	k.table("a worker from its start until it is ready for hello", "binary", "p50 ms", "CPU ms p50", "CPU ratio", "PSS MiB idle, alone")
	var base float64
	for i, l := range k.starts(func(b *binary) wire.Load { return b.hello.load }) {
		if l.err != nil {
			return l.err
		}
		if i == 0 {
			base = millis(l.cpu, 0.5)
		}
		k.row(k.binaries[i].name, millis(l.took, 0.5), millis(l.cpu, 0.5), millis(l.cpu, 0.5)/base, middle(l.pss))
	}
	b := k.binaries[0]
	k.table(fmt.Sprintf("a module of %.1f MB: compiled, and loaded from the cache; CPU in ms", float64(len(wasm))/1e6),
		"round", "compile", "cache: read and verify, once", "worker until ready", "loaded/compiled", "with reading")
	var ratios []float64
	for round := range k.size(5, 1) {
		i, err := k.image(b, wasm)
		if err != nil {
			return err
		}
		verify, err := k.verify(b, i)
		if err != nil {
			return err
		}
		loaded, err := k.loaded(b, i)
		if err != nil {
			return err
		}
		cold := float64(i.result.Usage.CPU) / 1e6
		ratios = append(ratios, loaded/cold)
		once := float64(verify) / 1e6
		k.row(fmt.Sprint(round+1), cold, once, loaded, loaded/cold, (loaded+once)/cold)
	}
	k.row("median", nil, nil, nil, middle(ratios), nil)
	return nil
}

// loaded returns the median of the processor time in milliseconds that workers took to load an image.
func (k *kit) loaded(b *binary, i *image) (float64, error) {
	var cpu []time.Duration
	for range k.size(7, 1) {
		s, err := k.start(b, i.load)
		if err != nil {
			return 0, err
		}
		s.end()
		cpu = append(cpu, s.cpu)
	}
	return millis(cpu, 0.5), nil
}

// A launch is what starts of one binary took.
type launch struct {
	took, cpu []time.Duration
	pss       []float64
	err       error
}

// starts starts workers of all binaries in turns.
func (k *kit) starts(load func(b *binary) wire.Load) []launch {
	all := make([]launch, len(k.binaries))
	for range k.size(200, 5) {
		for i, b := range k.binaries {
			s, err := k.start(b, load(b))
			if err != nil {
				all[i].err = err
				return all
			}
			all[i].took, all[i].cpu = append(all[i].took, s.took), append(all[i].cpu, s.cpu)
			all[i].pss = append(all[i].pss, pss(s.proc.PID()))
			s.end()
		}
	}
	return all
}

// verify keeps an image in a cache and returns the processor time that a new cache takes to hand it out.
func (k *kit) verify(b *binary, i *image) (time.Duration, error) {
	dir := filepath.Join(k.dir, "cache")
	defer func() { _ = os.RemoveAll(dir) }()
	key, err := compile.Build(b.spawner.Path())
	if err != nil {
		return 0, err
	}
	key.Module = i.result.Digest
	first, err := cache.Open(dir, [32]byte{1}, cache.Options{})
	if err != nil {
		return 0, err
	}
	e, err := first.Put(key, i.result.Native, i.result.Shell)
	if err == nil {
		err = errors.Join(e.Close(), first.Close())
	}
	if err != nil {
		return 0, err
	}
	again, err := cache.Open(dir, [32]byte{1}, cache.Options{})
	if err != nil {
		return 0, err
	}
	before, _ := cpu()
	e, err = again.Get(key)
	after, _ := cpu()
	if err != nil {
		return 0, err
	}
	return after - before, errors.Join(e.Close(), again.Close())
}
