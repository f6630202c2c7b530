package runner

import (
	"context"

	"github.com/soltihq/solti-host/plugins/subprocess/internal/process"
	"github.com/soltihq/solti-host/sdk"
)

// A task is a workload made runnable.
type task struct {
	engine  Engine
	program string
	script  *string // nil without one
	args    []string
	dir     string
	env     taskEnv
	fails   bool // by an exit code other than 0
}

var _ sdk.SelfStarter = (*task)(nil)

// StartsItself marks that Run tells the process id.
func (t *task) StartsItself() {}

// Run makes one attempt.
func (t *task) Run(ctx context.Context, run *sdk.Run) error {
	env, path, err := t.env.attempt(run)
	if err != nil {
		return sdk.Permanent(sdk.StartFailed(err))
	}
	exit, err := t.engine.Run(ctx, &process.Command{
		Name: t.program, Script: t.script, Args: t.args, Env: env, Path: path, Dir: t.dir,
		RunID: run.ID, Stdout: run.Stdout, Stderr: run.Stderr, Force: run.Force(),
		Started: func(leader process.Leader) { run.Started(leader.String()) },
	})
	if err != nil {
		return t.failed(ctx, err)
	}
	if exit.Cut {
		const note = "a process outside the task held its output open; what it may have written is missing"
		run.Event("outputCut", note, nil)
	}
	run.Stats(sdk.Stats{CPUTime: exit.CPUTime, MemoryPeakBytes: exit.MaxRSS})
	return t.result(ctx, exit)
}
