package compile

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/soltihq/solti-host/plugins/wasm/internal/memfile"
	"github.com/soltihq/solti-host/plugins/wasm/internal/private"
	"github.com/soltihq/solti-host/plugins/wasm/internal/spawn"
)

// reapLimit is how long to wait for the end of a child that was killed.
const reapLimit = 10 * time.Second

// A job is one child at work.
type job struct {
	scratch *private.Scratch
	request *os.File
	derived *os.File
	report  *os.File
	gate    [2]*os.File // closing the second lets the child begin
}

// run takes one module through one child.
func (c *Compiler) run(ctx context.Context, wasm *os.File, o Options) (*Result, error) {
	select {
	case c.slots <- struct{}{}:
		defer func() { <-c.slots }()
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	j, err := c.prepare(o)
	defer c.cleanUp(j)
	if err != nil {
		return nil, fmt.Errorf("prepare to compile: %w", err)
	}
	exit, err := c.supervise(ctx, j, wasm)
	if err != nil {
		if exit.Elapsed > 0 {
			c.observe(o, exit, nil)
		}
		return nil, err
	}
	r, err := c.collect(j, exit, o)
	c.observe(o, exit, r)
	return r, err
}

// prepare makes what the child needs. What it has made is in the job also when it fails.
func (c *Compiler) prepare(o Options) (j *job, err error) {
	j = new(job)
	text, err := json.Marshal(request{Options: o, Threads: c.config.Threads, Memory: c.config.Limits.Data / 4 * 3})
	if err != nil {
		return j, err
	}
	if j.request, err = memfile.Of("compile-request", text); err != nil {
		return j, err
	}
	if j.derived, err = memfile.New("wasm-module"); err != nil {
		return j, err
	}
	if j.report, err = memfile.New("compile-report"); err != nil {
		return j, err
	}
	if j.gate[0], j.gate[1], err = os.Pipe(); err != nil {
		return j, err
	}
	j.scratch, err = c.scratch.Scratch()
	return j, err
}

// cleanUp lets go of all that is not in a result.
func (c *Compiler) cleanUp(j *job) {
	for _, f := range []*os.File{j.request, j.derived, j.report, j.gate[0], j.gate[1]} {
		if f != nil {
			_ = f.Close()
		}
	}
	if j.scratch == nil {
		return
	}
	if err := j.scratch.Discard(); err != nil {
		c.config.Log.Warn("scratch of the compiler cannot be removed", "dir", j.scratch.Path(), "error", err)
	}
}

// supervise starts the child and waits for its end, or makes it. Beside an error the exit is empty if there
// was none.
func (c *Compiler) supervise(ctx context.Context, j *job, wasm *os.File) (spawn.Exit, error) {
	limits := c.config.Limits
	child, err := c.config.Spawn.Start(&spawn.Command{
		Path: c.config.Self, Args: c.config.Args, Name: "solti-wasm-compile",
		Env: []string{"GOMAXPROCS=" + strconv.Itoa(c.config.Threads), "GOTRACEBACK=single"},
		Files: []*os.File{
			fdModule - spawn.FirstFile: wasm, fdRequest - spawn.FirstFile: j.request, fdGo - spawn.FirstFile: j.gate[0],
			fdDerived - spawn.FirstFile: j.derived, fdReport - spawn.FirstFile: j.report, fdScratch - spawn.FirstFile: j.scratch.File(),
		},
		Limits: []spawn.Limit{
			{Resource: unix.RLIMIT_CPU, Max: uint64((limits.CPU + time.Second - 1) / time.Second)},
			{Resource: unix.RLIMIT_DATA, Max: uint64(limits.Data)}, {Resource: unix.RLIMIT_FSIZE, Max: uint64(limits.File)},
			{Resource: unix.RLIMIT_CORE, Max: 0}, {Resource: unix.RLIMIT_NOFILE, Max: 64},
		},
	})
	if err != nil {
		return spawn.Exit{}, err
	}
	_ = j.gate[1].Close()
	j.gate[1] = nil
	timer := time.NewTimer(limits.Wall)
	defer timer.Stop()
	var cause error
	select {
	case <-child.Done():
		return child.Exit(), nil
	case <-ctx.Done():
		cause = context.Cause(ctx)
	case <-timer.C:
		cause = &LimitError{LimitWall, limits.Wall.String()}
	}
	if !child.Stop(reapLimit) {
		c.config.Log.Warn("the process that compiles modules does not die", "pid", child.PID())
		return spawn.Exit{}, cause
	}
	return child.Exit(), cause
}
