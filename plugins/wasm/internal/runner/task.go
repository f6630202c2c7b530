package runner

import (
	"context"
	"fmt"
	"sync"

	"github.com/soltihq/solti-host/plugins/wasm/internal/metrics"
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
	env      map[string]string // the operator's
	stateDir string
	name     string

	mu    sync.Mutex
	lease lease // guarded by mu
}

// A lease names the worker that attempts share. No two tasks ever have the same, and a task gets another one
// when its mounts are other directories than they were: a worker shuts out, for as long as it lives, what
// was not mounted in its first attempt.
type lease struct {
	name   string
	mounts string // which directories they were
}

var _ sdk.SelfStarter = (*task)(nil)

// StartsItself marks that Run tells when the guest is about to go.
func (t *task) StartsItself() {}

// Close ends the worker that the task's attempts shared.
func (t *task) Close() error {
	t.mu.Lock()
	name := t.lease.name
	t.mu.Unlock()
	if e, _ := t.runner.now(); e != nil {
		e.pool.Drop(name)
	}
	return nil
}

// Run makes one attempt.
func (t *task) Run(ctx context.Context, run *sdk.Run) error {
	v := t.attempt(ctx, run)
	t.runner.metrics.Attempt(v.outcome, v.trap)
	return v.err
}

// attempt makes one.
func (t *task) attempt(ctx context.Context, run *sdk.Run) verdict {
	e, err := t.runner.running(t.stateDir)
	if err != nil {
		return verdict{err: sdk.StartFailed(err), outcome: metrics.StartFailed}
	}
	count := newStopwatch(t.runner.metrics)
	img, from, err := e.studio.Image(ctx, t.workload, func(what string) { run.Event(what, "", nil) })
	if err != nil {
		return startError(ctx, err)
	}
	defer img.Close()
	count.lap(metrics.Prepare)
	t.runner.metrics.Lookup(from)
	leave, err := e.enter(ctx, func() { run.Event("queued", "", nil) })
	if err != nil {
		return startError(ctx, err)
	}
	defer leave()
	count.lap(metrics.Queue)
	job, closeJob, err := t.job(run)
	if err != nil {
		return startError(ctx, err)
	}
	defer closeJob()
	lease, err := t.leaseFor(e, job.Mounts)
	if err != nil {
		return startError(ctx, err)
	}
	a := attempt{task: t, run: run, engine: e, image: img, from: from, job: job, lease: lease, out: outlet{run: run, metrics: t.runner.metrics}}
	return a.perform(ctx)
}

// leaseFor returns the lease for an attempt with these mounts, or none if attempts share nothing.
func (t *task) leaseFor(e *engine, mounts []wire.Mount) (string, error) {
	if t.workload.Isolation != workload.Reuse {
		return "", nil
	}
	identity, err := identify(mounts)
	if err != nil {
		return "", err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.lease.name == "" || t.lease.mounts != identity {
		e.pool.Drop(t.lease.name)
		t.lease = lease{fmt.Sprintf("%s %d", t.name, t.runner.leases.Add(1)), identity}
	}
	return t.lease.name, nil
}
