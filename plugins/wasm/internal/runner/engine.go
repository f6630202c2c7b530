package runner

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/hashicorp/go-hclog"

	"github.com/soltihq/solti-host/plugins/wasm/internal/fence"
	"github.com/soltihq/solti-host/plugins/wasm/internal/image"
	"github.com/soltihq/solti-host/plugins/wasm/internal/metrics"
	"github.com/soltihq/solti-host/plugins/wasm/internal/pool"
	"github.com/soltihq/solti-host/plugins/wasm/internal/private"
	"github.com/soltihq/solti-host/plugins/wasm/internal/settings"
	"github.com/soltihq/solti-host/plugins/wasm/internal/spawn"
	"github.com/soltihq/solti-host/plugins/wasm/internal/workerbin"
)

// spawnThreads is how many children can be forked at one time.
const spawnThreads = 4

// An engine is what attempts need: it is made for the first one, because only a task says where it may
// keep its files.
type engine struct {
	spawner *spawn.Spawner
	studio  *image.Studio
	pool    *pool.Pool
	slots   chan struct{} // one for each attempt that may run; nil means any number
	temp    temp
	scratch string // removed at the end; empty means that the files stay
}

// running returns the engine.
func (r *Runner) running(stateDir string) (*engine, error) {
	if e, err := r.now(); e != nil || err != nil {
		return e, err
	}
	r.opening.Lock()
	defer r.opening.Unlock()
	if e, err := r.now(); e != nil || err != nil {
		return e, err
	}
	r.mu.Lock()
	r.fixed = true
	s := r.settings
	r.mu.Unlock()
	e, err := open(stateDir, s, r.metrics, r.log)
	if err != nil {
		return nil, errors.Join(err, e.close())
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.engine = e
	return e, nil
}

// now returns the engine if there is one.
func (r *Runner) now() (*engine, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil, errClosed
	}
	return r.engine, nil
}

// open makes an engine. What it has made is in there also when it fails.
func open(stateDir string, s *settings.Settings, m *metrics.Metrics, log hclog.Logger) (e *engine, err error) {
	e = new(engine)
	dir := filepath.Join(stateDir, "wasm")
	if stateDir == "" {
		if e.scratch, err = os.MkdirTemp("", "solti-wasm-"); err != nil {
			return e, err
		}
		dir = e.scratch
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return e, err
	}
	if err := e.temp.open(filepath.Join(dir, "temp")); err != nil {
		return e, fmt.Errorf("open a place for what workers load: %w", err)
	}
	if e.spawner, err = workerbin.NewSpawner(spawnThreads, log); err != nil {
		return e, fmt.Errorf("prepare to start workers: %w", err)
	}
	if fence.Landlock() == 0 {
		log.Warn("the kernel has no Landlock for us, so a guest's files are kept apart by one wall instead of two;" +
			" solti-host wasm doctor says what to do")
	}
	if e.studio, err = image.Open(dir, s, e.spawner, m.Compiled, log); err != nil {
		return e, err
	}
	w := s.Workers
	if w.AtOnce > 0 {
		e.slots = make(chan struct{}, w.AtOnce)
	}
	e.pool = pool.New(e.spawner, pool.Options{
		Warm: w.Warm, Idle: w.Idle, Memory: int64(w.Memory), Temp: e.temp.scratch.Path(), Log: log, Observer: m,
	})
	return e, nil
}

// enter waits until an attempt may begin. Its end is told by the function that is returned.
func (e *engine) enter(ctx context.Context, queued func()) (leave func(), err error) {
	if e.slots == nil {
		return func() {}, nil
	}
	leave = func() { <-e.slots }
	select {
	case e.slots <- struct{}{}:
		return leave, nil
	default:
	}
	queued()
	select {
	case e.slots <- struct{}{}:
		return leave, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

func (e *engine) close() error {
	var errs []error
	if e.pool != nil {
		e.pool.Close()
	}
	if e.studio != nil {
		errs = append(errs, e.studio.Close())
	}
	if e.spawner != nil {
		errs = append(errs, e.spawner.Close())
	}
	errs = append(errs, e.temp.close())
	if e.scratch != "" {
		errs = append(errs, os.RemoveAll(e.scratch))
	}
	return errors.Join(errs...)
}

// A temp is where workers put what they need while they load. What is left by one that was killed
// meanwhile goes with it, or with the next one if we are killed too.
type temp struct {
	dir     *private.Dir
	scratch *private.Scratch
}

func (t *temp) open(path string) (err error) {
	if t.dir, err = private.Open(path); err != nil {
		return err
	}
	if err = t.dir.Sweep(); err != nil {
		return err
	}
	t.scratch, err = t.dir.Scratch()
	return err
}

func (t *temp) close() (err error) {
	if t.scratch != nil {
		err = t.scratch.Discard()
	}
	if t.dir != nil {
		err = errors.Join(err, t.dir.Close())
	}
	return err
}
