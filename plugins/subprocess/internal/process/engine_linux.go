package process

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/hashicorp/go-hclog"
	"golang.org/x/sys/unix"

	"github.com/soltihq/solti-host/plugins/subprocess/internal/cgroup"
	"github.com/soltihq/solti-host/plugins/subprocess/internal/orphan"
	"github.com/soltihq/solti-host/plugins/subprocess/internal/script"
)

// rssUnit is the unit of Rusage.Maxrss in bytes.
const rssUnit = 1 << 10

// An Engine runs commands. There is one per process: it adopts the orphans of all that the process
// starts, and marks the process's descriptors as not to be inherited. Its methods may be called from
// any goroutine. The process's main thread must be locked to a goroutine that starts no processes.
type Engine struct {
	log     hclog.Logger
	leaves  *cgroup.Pool // nil without cgroups
	orphans *orphan.Reaper
	null    *os.File
	spawner *spawner
	pollers pollers
	buffers buffers
	naming  script.Naming
	gate    startGate
	drain   time.Duration // as drainLimit says
}

// New makes an engine. With mode [Cgroup] it fails where cgroups are not to be had; with [Auto] it then
// tells the log and does without.
func New(opts Options) (*Engine, error) {
	if err := checkKernel(); err != nil {
		return nil, err
	}
	if err := closeOnExec(); err != nil {
		return nil, err
	}
	resetSignals()
	e := &Engine{log: opts.log(), naming: script.BestNaming(), gate: newStartGate(), drain: drainLimit}
	var err error
	if e.leaves, err = openLeaves(opts, e.log); err != nil {
		return nil, err
	}
	if e.null, err = os.Open(os.DevNull); err != nil {
		return nil, errors.Join(err, e.Close())
	}
	if e.orphans, err = orphan.Start(EnvRunID); err != nil {
		return nil, errors.Join(err, e.Close())
	}
	e.spawner = startSpawner(spawnThreads)
	return e, nil
}

func openLeaves(opts Options, log hclog.Logger) (*cgroup.Pool, error) {
	if opts.Mode == Group || opts.Mode == Auto && opts.CgroupDir == "" {
		return nil, nil
	}
	leaves, err := cgroup.Open(opts.CgroupDir)
	if err != nil && opts.Mode == Auto {
		log.Warn("cgroup directory cannot be used, falling back to process groups", "dir", opts.CgroupDir, "error", err)
		return nil, nil
	}
	return leaves, err
}

// Mode returns how the engine holds processes together.
func (e *Engine) Mode() Mode {
	if e.leaves != nil {
		return Cgroup
	}
	return Group
}

// Close releases what the engine holds. No attempt may be under way.
func (e *Engine) Close() error {
	var errs []error
	if e.spawner != nil {
		e.spawner.close()
	}
	if e.orphans != nil {
		errs = append(errs, e.orphans.Close())
	}
	if e.leaves != nil {
		errs = append(errs, e.leaves.Close())
	}
	if e.null != nil {
		errs = append(errs, e.null.Close())
	}
	errs = append(errs, e.pollers.close())
	return errors.Join(errs...)
}

// Run runs cmd until nothing of it is alive. When ctx ends it sends SIGTERM to all of the attempt's
// processes, and SIGKILL when cmd.Force is closed. The error is a [*StartError] if the command could
// not be started; how it ended otherwise is told by Exit, stopped or not.
func (e *Engine) Run(ctx context.Context, cmd *Command) (Exit, error) {
	leave, err := e.gate.enter(ctx)
	if err != nil {
		return Exit{}, err
	}
	defer leave()
	if ctx.Err() != nil {
		return Exit{}, context.Cause(ctx)
	}
	a := &attempt{engine: e, cmd: cmd, pidfd: -1, over: make(chan struct{})}
	a.out = stream{fd: -1, to: cmd.Stdout}
	a.err = stream{fd: -1, to: cmd.Stderr}
	if err := a.start(); err != nil {
		return Exit{}, err
	}
	return a.run(ctx)
}

// checkKernel refuses a kernel that lacks what the engine cannot do without.
func checkKernel() error {
	fd, err := unix.PidfdOpen(os.Getpid(), 0)
	if err != nil {
		return fmt.Errorf("open a pidfd, which needs Linux 5.4: %w", err)
	}
	return unix.Close(fd)
}

// closeOnExec marks what this process inherited as not to be passed on. What Go opens is marked
// already.
func closeOnExec() error {
	err := unix.CloseRange(3, ^uint(0), unix.CLOSE_RANGE_CLOEXEC)
	if err == nil {
		return nil
	}
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return fmt.Errorf("mark inherited descriptors: %w", err)
	}
	for _, entry := range entries {
		if fd, err := strconv.Atoi(entry.Name()); err == nil && fd > 2 {
			unix.CloseOnExec(fd)
		}
	}
	return nil
}
