package compile

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
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
	limits  Limits
	scratch *private.Scratch
	request *os.File
	derived *os.File
	shell   *os.File
	report  *os.File
	gate    [2]*os.File // closing the second lets the child begin
}

// run takes one module through one child, or two: one that turns out to be slow in a quick place is begun again in
// an ordinary one.
func (c *Compiler) run(ctx context.Context, wasm *os.File, o Options) (*Result, error) {
	st, err := wasm.Stat()
	if err != nil {
		return nil, fmt.Errorf("prepare to compile: %w", err)
	}
	q := c.compiling
	if o.CheckOnly {
		q = c.checking
	}
	r, again, err := c.turn(ctx, q, wasm, st.Size(), o, false)
	if again {
		r, _, err = c.turn(ctx, q, wasm, st.Size(), o, true)
	}
	return r, err
}

// turn waits for a place and has a child at it. Again says that the child was only ended to make way for others.
func (c *Compiler) turn(ctx context.Context, q *queue, wasm *os.File, size int64, o Options, back bool) (r *Result, again bool, err error) {
	p, err := q.enter(ctx, size, back)
	if err != nil {
		return nil, false, err
	}
	defer q.leave(p)
	j, err := c.prepare(o, c.limits(o, p))
	defer c.cleanUp(j)
	if err != nil {
		return nil, false, fmt.Errorf("prepare to compile: %w", err)
	}
	exit, err := c.supervise(ctx, j, wasm, o)
	if err == nil {
		r, err = c.collect(j, exit, o)
	}
	again = !o.CheckOnly && c.hasty(j.limits, err)
	if exit.Elapsed > 0 {
		c.observe(o, exit, r, again)
	}
	return r, again, err
}

// limits returns those of a child at a place.
func (c *Compiler) limits(o Options, p place) Limits {
	l := c.config.Limits
	switch {
	case o.CheckOnly:
		l.CPU, l.Wall = min(l.CPU, checkCPU), min(l.Wall, checkWall)
	case p == quick:
		l.CPU, l.Wall = min(l.CPU, c.quick.CPU), min(l.Wall, c.quick.Wall)
	}
	return l
}

// hasty reports whether an error is that of a limit which is wider at an ordinary place.
func (c *Compiler) hasty(here Limits, err error) bool {
	var e *LimitError
	if !errors.As(err, &e) {
		return false
	}
	all := c.config.Limits
	return e.Limit == LimitCPU && here.CPU < all.CPU || e.Limit == LimitWall && here.Wall < all.Wall
}

// prepare makes what the child needs. What it has made is in the job also when it fails.
func (c *Compiler) prepare(o Options, l Limits) (j *job, err error) {
	j = &job{limits: l}
	text, err := json.Marshal(request{Options: o, Memory: l.Data / 4 * 3})
	if err != nil {
		return j, err
	}
	if j.request, err = memfile.Of("compile-request", text); err != nil {
		return j, err
	}
	if j.derived, err = memfile.New("wasm-module"); err != nil {
		return j, err
	}
	if j.shell, err = memfile.New("wasm-shell"); err != nil {
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
	for _, f := range []*os.File{j.request, j.derived, j.shell, j.report, j.gate[0], j.gate[1]} {
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
func (c *Compiler) supervise(ctx context.Context, j *job, wasm *os.File, o Options) (spawn.Exit, error) {
	limits, args := j.limits, c.config.Args
	if len(args) == 0 {
		args = []string{o.mode()}
	}
	child, err := c.config.Spawn.Start(&spawn.Command{
		Path: c.config.Self, Args: args, Name: "solti-wasm-" + o.mode(),
		Env: []string{"GOMAXPROCS=1", "GOTRACEBACK=single"},
		Files: []*os.File{
			fdModule - spawn.FirstFile: wasm, fdRequest - spawn.FirstFile: j.request, fdGo - spawn.FirstFile: j.gate[0],
			fdDerived - spawn.FirstFile: j.derived, fdShell - spawn.FirstFile: j.shell, fdReport - spawn.FirstFile: j.report,
			fdScratch - spawn.FirstFile: j.scratch.File(),
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
		cause = &LimitError{LimitWall, limits.Wall.String(), o.CheckOnly}
	}
	if !child.Stop(reapLimit) {
		c.config.Log.Warn("the process that compiles modules does not die", "pid", child.PID())
		return spawn.Exit{}, cause
	}
	return child.Exit(), cause
}
