package runner

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"github.com/soltihq/solti-host/plugins/wasm/internal/image"
	"github.com/soltihq/solti-host/plugins/wasm/internal/metrics"
	"github.com/soltihq/solti-host/plugins/wasm/internal/pool"
	"github.com/soltihq/solti-host/plugins/wasm/internal/wire"
	"github.com/soltihq/solti-host/sdk"
)

// An attempt is one run of a guest, with all that it needs but a worker.
type attempt struct {
	task   *task
	run    *sdk.Run
	engine *engine
	image  *image.Image
	from   image.From
	job    wire.Job
	lease  string
	out    outlet
}

// perform takes a worker and has it run the guest. When a worker breaks before it has called into the guest, a
// fresh one takes its place, once.
func (a *attempt) perform(ctx context.Context) verdict {
	pool := a.engine.pool
	take, replaced := pool.Take, false
	for {
		count := newStopwatch(a.task.runner.metrics)
		w, err := take(ctx, a.image, a.lease)
		var end ending
		if err == nil {
			count.lap(metrics.TakeWorker)
			end = a.in(ctx, w)
			count.guest(end.status, w.Finished())
			a.task.runner.metrics.Used(end.usage, w.Finished().Sub(end.begun))
		}
		if !replaced && ctx.Err() == nil && (broke(err) || broke(end.err) && !a.begun(end.usage)) {
			a.run.Event("workerReplaced", errors.Join(err, end.err).Error(), nil)
			take, replaced = pool.Fresh, true
			continue
		}
		if err != nil {
			return startError(ctx, err)
		}
		return a.task.result(ctx, end, &a.out)
	}
}

// broke reports whether a worker ended by what another may be spared. At a limit another would end as well.
func broke(err error) bool {
	var crash *pool.CrashError
	return errors.As(err, &crash) && crash.Exit.Signal != unix.SIGXCPU && !crash.Exit.OutOfMemory()
}

// begun reports whether the guest may have run. The worker says so, in memory that a guest that broke out could
// change; of output the plugin knows itself.
func (a *attempt) begun(u wire.Usage) bool { return a.out.used || u.Begun }

// An ending is how a guest ended.
type ending struct {
	status wire.Status
	usage  wire.Usage
	err    error
	begun  time.Time
}

// in has a worker run the guest, and ends it or gives it back.
func (a *attempt) in(ctx context.Context, w *pool.Worker) (e ending) {
	a.run.Facts(a.task.grants(a.image, a.from, w.Ready))
	a.run.Started(fmt.Sprintf("pid %d, %s", w.PID(), a.image.Module))
	e.begun = time.Now()
	stop := context.AfterFunc(ctx, w.Kill)
	e.status, e.usage, e.err = w.Run(a.job, &a.out, a.task.limit())
	if !stop() {
		w.Kill() // it may have come too late for this attempt, and must not hit another
	}
	if e.err == nil && !a.job.Last {
		a.engine.pool.Return(w, e.status)
	}
	const most = 1 << 16 // pages that there can be
	a.run.Stats(sdk.Stats{CPUTime: e.usage.CPU, MemoryPeakBytes: min(e.usage.PagesPeak, most) << 16})
	return e
}
