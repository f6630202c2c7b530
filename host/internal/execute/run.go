package execute

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/soltihq/solti-host/host/internal/output"
	"github.com/soltihq/solti-host/host/internal/plugin"
	"github.com/soltihq/solti-host/host/internal/policy"
	"github.com/soltihq/solti-host/host/internal/supervisor"
	"github.com/soltihq/solti-host/host/task"
	pluginv1 "github.com/soltihq/solti-host/shared/proto/solti/plugin/v1"
)

// Run implements [supervisor.Executor].
func (x *Executor) Run(ctx context.Context, a supervisor.Attempt) supervisor.Result {
	k := output.Key{UID: a.Task.Metadata.UID, Attempt: a.Run.Attempt}
	w, err := x.Outputs.Create(k, string(a.Run.RunID))
	if err != nil {
		x.Outputs.Recover(k)
		r := failed(policy.LostPlugin, task.ReasonIO, fmt.Sprintf("make room for the output: %v", err))
		r.RetryAfter = askAgain // the host's fault, not the task's
		return r
	}
	var r supervisor.Result
	if a.Task.Spec.Workload.Type() == task.Embedded {
		r = x.embedded.run(ctx, a, w)
	} else {
		r = x.throughRunner(ctx, a, w)
	}
	sum := w.Close()
	r.Stdout, r.Stderr, r.Dropped, r.OutputRef = sum.Stdout, sum.Stderr, sum.Dropped, sum.Ref
	return r
}

func (x *Executor) throughRunner(ctx context.Context, a supervisor.Attempt, w *output.Writer) supervisor.Result {
	runner := x.Runners.Runner(a.Run.Runner)
	if runner == nil {
		return supervisor.Result{
			End: policy.LostPlugin, Down: true,
			Failure: &task.Failure{Reason: task.ReasonLost, Message: "runner " + a.Run.Runner + " is not registered any more"},
		}
	}
	exit, err := runner.Run(ctx, plugin.Attempt{
		RunID: a.Run.RunID, Handle: handle(a.Task), Number: a.Run.Attempt, Task: a.Task, StopGrace: x.StopGrace,
	}, &sink{attempt: a, writer: w, log: x.Log})
	if err != nil {
		return resultOfError(err)
	}
	return resultOfExit(exit)
}

// resultOfError turns what went wrong around an attempt into its result.
func resultOfError(err error) supervisor.Result {
	var refusal *task.Error
	var full *plugin.CapacityError
	lost := supervisor.Result{
		End: policy.LostPlugin, Failure: &task.Failure{Reason: task.ReasonLost, Message: task.Truncate(err.Error())},
	}
	switch {
	case errors.As(err, &refusal):
		return supervisor.Result{End: policy.Fatal, Failure: refusal.Failure()}
	case errors.As(err, &full):
		lost.RetryAfter = max(full.RetryAfter, time.Second)
	case errors.Is(err, plugin.ErrDown):
		lost.Down = true
	}
	return lost
}

// resultOfExit turns what a runner says of an attempt's end into its result.
func resultOfExit(e plugin.Exit) supervisor.Result {
	r := supervisor.Result{ExitCode: e.ExitCode, Signal: e.Signal}
	switch e.Result {
	case pluginv1.Result_RESULT_SUCCEEDED:
		r.End = policy.Success
		return r
	case pluginv1.Result_RESULT_CANCELED:
		r.End = policy.Stopped
		return r
	case pluginv1.Result_RESULT_PANICKED:
		r.End = policy.Panicked
		r.Failure = failure(task.ReasonPanic, e.Message, "the runner panicked")
	case pluginv1.Result_RESULT_OOM_KILLED:
		r.End = policy.Failure
		r.Failure = failure(task.ReasonOOM, e.Message, "killed for using too much memory")
	case pluginv1.Result_RESULT_START_FAILED:
		r.End = policy.Failure
		r.Failure = failure(task.ReasonStartFailed, e.Message, "it could not be started")
	default:
		r.End = policy.Failure
		r.Failure = workFailed(e)
	}
	if e.Permanent {
		r.End = policy.Fatal
	}
	return r
}

func workFailed(e plugin.Exit) *task.Failure {
	switch {
	case e.Signal != "":
		return failure(task.ReasonSignal, e.Message, "ended by "+e.Signal)
	case e.ExitCode != nil:
		return failure(task.ReasonExit, e.Message, fmt.Sprintf("exit status %d", *e.ExitCode))
	default:
		return failure(task.ReasonFailed, e.Message, "it failed")
	}
}

func failure(reason task.Reason, message, otherwise string) *task.Failure {
	if message == "" {
		message = otherwise
	}
	return &task.Failure{Reason: reason, Message: task.Truncate(message)}
}

func failed(end policy.End, reason task.Reason, message string) supervisor.Result {
	return supervisor.Result{End: end, Failure: failure(reason, message, "")}
}
