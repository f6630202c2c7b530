package runner

import (
	"context"
	"errors"
	"fmt"
	"time"

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

// perform takes a worker and has it run the guest. When a worker breaks before the guest has run, a fresh one
// takes its place, once.
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
		if !replaced && ctx.Err() == nil && (crashed(err) || crashed(end.err) && !a.begun(end.usage)) {
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

func crashed(err error) bool { return errors.As(err, new(*pool.CrashError)) }

// begun reports whether anything of the guest has run: before it, it is given its memory.
func (a *attempt) begun(u wire.Usage) bool {
	return a.out.used || u.PagesPeak > 0 || u.Growths > 0 || u.Opens > 0
}

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
