package plugin

import (
	"context"
	"errors"
	"fmt"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/soltihq/solti-host/host/internal/plugin/launch"
	"github.com/soltihq/solti-host/host/task"
	pluginv1 "github.com/soltihq/solti-host/shared/proto/solti/plugin/v1"
)

// repeatStop is how soon a request to stop is repeated as long as the plugin has not sent a frame:
// the request may have overtaken the one to run, and for a run that it does not know a plugin has
// nothing to do.
const repeatStop = 250 * time.Millisecond

// stragglerEvery is how often an attempt that does not end is asked again, and logged.
const stragglerEvery = 30 * time.Second

// stop ends the attempt, in a goroutine of its own once ctx has ended: it asks, waits for the grace
// and the slack, forces, waits for the slack, and kills a plugin that gives no sign of life. Force is
// a request with no grace and not the end of the stream, which would take away the only way to learn
// that the attempt is over.
func (at *attempt) stop(ctx context.Context) {
	defer close(at.ended)
	reason, slack := stopReason(ctx), at.g.plugin.set.o.Timing.StopSlack
	deadline := time.Now().Add(at.StopGrace)
	for at.request(reason, max(time.Until(deadline), 0)); !at.seen.Load() && time.Now().Before(deadline); {
		if at.wait(min(repeatStop, time.Until(deadline))) {
			return
		}
		at.request(reason, max(time.Until(deadline), 0))
	}
	if at.wait(time.Until(deadline) + slack) {
		return
	}
	at.request(reason, 0)
	for pause := slack; !at.wait(pause); pause = stragglerEvery {
		if !at.g.answers(at.g.plugin.set.o.Timing.Liveness.Deadline) {
			at.g.proc.Kill(launch.CauseUnresponsive, fmt.Sprintf("run %s was stopped and did not end, and it does not answer", at.RunID))
			return
		}
		at.g.plugin.log.Error("a run was stopped and does not end; its plugin answers and is kept", "run", at.RunID)
		at.request(reason, 0)
	}
}

// wait waits for d and reports whether the attempt is over before that.
func (at *attempt) wait(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-at.over:
		return true
	case <-at.g.proc.Exited():
		return true
	case <-t.C:
		return false
	}
}

// request sends StopTask. Its failure changes nothing: what matters is whether the attempt ends.
func (at *attempt) request(reason pluginv1.StopReason, grace time.Duration) {
	ctx, cancel := context.WithTimeout(at.g.ctx, at.g.plugin.set.o.Timing.Call)
	defer cancel()
	began := time.Now()
	_, err := at.g.client.StopTask(ctx, &pluginv1.StopTaskRequest{
		RunId: string(at.RunID), Reason: reason, Grace: durationpb.New(grace),
	})
	at.g.plugin.observe("StopTask", err, began)
}

// stopReason returns why ctx has ended.
func stopReason(ctx context.Context) pluginv1.StopReason {
	var why *task.StopError
	if !errors.As(context.Cause(ctx), &why) {
		return pluginv1.StopReason_STOP_REASON_CANCEL
	}
	switch why.Reason {
	case task.ReasonTimeout:
		return pluginv1.StopReason_STOP_REASON_TIMEOUT
	case task.ReasonReplaced:
		return pluginv1.StopReason_STOP_REASON_REPLACED
	case task.ReasonShutdown:
		return pluginv1.StopReason_STOP_REASON_SHUTDOWN
	default:
		return pluginv1.StopReason_STOP_REASON_CANCEL
	}
}
