package runner

import (
	"context"
	"crypto/sha256"
	"fmt"
	"os"

	"github.com/soltihq/solti-host/plugins/wasm/internal/memfile"
	"github.com/soltihq/solti-host/plugins/wasm/internal/settings"
	"github.com/soltihq/solti-host/plugins/wasm/internal/wire"
	"github.com/soltihq/solti-host/plugins/wasm/internal/workload"
	"github.com/soltihq/solti-host/sdk"
)

// A task is a workload made runnable.
type task struct {
	runner   *Runner
	workload *workload.Workload
	settings *settings.Settings
	env      []string
	stateDir string
	lease    string // names the task's generation
	name     string
}

var _ sdk.SelfStarter = (*task)(nil)

// StartsItself marks that Run tells when the guest is about to go.
func (t *task) StartsItself() {}

// Close ends the worker that the task's attempts shared.
func (t *task) Close() error {
	t.runner.mu.Lock()
	e := t.runner.engine
	t.runner.mu.Unlock()
	if e != nil {
		e.pool.Drop(t.lease)
	}
	return nil
}

// Run makes one attempt.
func (t *task) Run(ctx context.Context, run *sdk.Run) error {
	e, err := t.runner.running(t.stateDir)
	if err != nil {
		return sdk.StartFailed(err)
	}
	img, from, err := e.studio.Image(ctx, t.workload, func(what string) { run.Event(what, "", nil) })
	if err != nil {
		return startError(ctx, err)
	}
	defer img.Close()
	job, closeJob, err := t.job(run)
	if err != nil {
		return startError(ctx, err)
	}
	defer closeJob()
	w, err := e.pool.Take(ctx, img, t.reuse())
	if err != nil {
		return startError(ctx, err)
	}
	run.Facts(t.grants(img, from, w.Ready))
	run.Started(fmt.Sprintf("pid %d, %s", w.PID(), img.Module))
	out := &outlet{run: run}
	stop := context.AfterFunc(ctx, w.Kill)
	status, usage, err := w.Run(job, out, t.limit())
	if !stop() && err == nil {
		w.Kill() // it may have come too late for this attempt, and must not hit another
	}
	if err == nil && !job.Last {
		e.pool.Return(w, status)
	}
	run.Stats(sdk.Stats{CPUTime: usage.CPU, MemoryPeakBytes: usage.PagesPeak << 16})
	return t.result(ctx, status, err, out)
}

func (t *task) reuse() string {
	if t.workload.Isolation == workload.Reuse {
		return t.lease
	}
	return ""
}

// job says what the guest gets. The files are closed by the function that is returned.
func (t *task) job(run *sdk.Run) (job wire.Job, closeAll func(), err error) {
	w := t.workload
	var files []*os.File
	closeAll = func() {
		for _, f := range files {
			_ = f.Close()
		}
	}
	defer func() {
		if err != nil {
			closeAll()
		}
	}()
	job = wire.Job{
		Entry: w.EntryPoint, Args: append([]string{t.program()}, w.Args...), Env: t.env,
		OpenFiles: uint32(w.Limits.OpenFiles), CPU: w.Limits.CPU, Last: w.Isolation == workload.Process,
		Clock: map[workload.Clock]wire.Clock{workload.CoarseClock: wire.ClockCoarse, workload.NoClock: wire.ClockNone}[w.Clock],
	}
	if len(run.Env) > 0 {
		job.Env = sdk.MergeEnv(w.Env, run.Env)
	}
	if w.Random == workload.Seeded {
		job.Seeded, job.Seed = true, sha256.Sum256([]byte(w.Seed))
	}
	if input := w.Input(); len(input) > 0 {
		if job.Stdin, err = memfile.Of("stdin", input); err != nil {
			return job, closeAll, fmt.Errorf("stdin: %w", err)
		}
		files = append(files, job.Stdin)
	}
	for i, m := range w.Mounts {
		dir, err := t.open(m)
		if err != nil {
			return job, closeAll, fmt.Errorf("spec.workload.spec.mounts[%d].host: %w", i, err)
		}
		files = append(files, dir)
		job.Mounts = append(job.Mounts, wire.Mount{
			Guest: m.Guest, Dir: dir, Writable: m.Mode == workload.ReadWrite, Quota: uint64(m.Quota), Links: m.Links,
		})
	}
	for _, name := range w.Listeners {
		job.Listeners = append(job.Listeners, wire.Listener{Name: name, File: t.runner.listener(name)})
	}
	return job, closeAll, nil
}

// program is what the guest finds as its own name.
func (t *task) program() string {
	if t.name != "" {
		return t.name
	}
	return "main"
}

func (t *task) limit() wire.Limit {
	o := t.workload.Limits.Output
	return wire.Limit{
		Bytes: int64(o.Bytes), Rate: int64(o.Rate),
		Over: map[workload.Over]wire.Over{workload.Drop: wire.Drop, workload.Kill: wire.Kill}[o.Over],
	}
}
