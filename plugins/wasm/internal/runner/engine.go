package runner

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/soltihq/solti-host/plugins/wasm/internal/image"
	"github.com/soltihq/solti-host/plugins/wasm/internal/pool"
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
	scratch string // removed at the end; empty means that the files stay
}

// running returns the engine.
func (r *Runner) running(stateDir string) (*engine, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.engine != nil {
		return r.engine, nil
	}
	e, err := r.open(stateDir)
	if err != nil {
		return nil, errors.Join(err, e.close())
	}
	r.engine = e
	return e, nil
}

func (r *Runner) open(stateDir string) (e *engine, err error) {
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
	if e.spawner, err = workerbin.NewSpawner(spawnThreads, r.log); err != nil {
		return e, fmt.Errorf("prepare to start workers: %w", err)
	}
	if e.studio, err = image.Open(dir, r.settings, e.spawner, r.log); err != nil {
		return e, err
	}
	w := r.settings.Workers
	e.pool = pool.New(e.spawner, pool.Options{Warm: w.Warm, Idle: w.Idle, Memory: int64(w.Memory), Log: r.log})
	return e, nil
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
	if e.scratch != "" {
		errs = append(errs, os.RemoveAll(e.scratch))
	}
	return errors.Join(errs...)
}
