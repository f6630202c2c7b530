package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"sync"

	"github.com/soltihq/solti-host/host"
	"github.com/soltihq/solti-host/host/task"
)

// A taskHost takes tasks and tells about them.
type taskHost interface {
	Create(ctx context.Context, t *task.Task, o host.CreateOptions) (*task.Task, error)
	Output(ctx context.Context, name task.Name, q task.OutputQuery) iter.Seq2[task.Chunk, error]
	Wait(ctx context.Context, name task.Name, uid task.UID) (*task.Task, error)
	Cancel(ctx context.Context, name task.Name, uid task.UID) error
}

// runAll submits tasks in order, copies their output and returns them when all are over, each told when
// it is. When ctx ends, one cannot be submitted, or nobody reads the output any more, all are canceled;
// when force ends, runAll gives up.
func (a *app) runAll(ctx, force context.Context, h taskHost, all []source) ([]*task.Task, error) {
	if len(all) > 1 { // else the submission itself is the check
		if err := check(ctx, h, all); err != nil {
			return nil, err
		}
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	started, failed := submit(ctx, h, all)
	if failed != nil {
		cancel()
	}
	screen := a.screen(started)
	ended, errs := make([]*task.Task, len(started)), make([]error, len(started))
	var work sync.WaitGroup
	for i, t := range started {
		work.Go(func() {
			out, stderr := screen.writers(t.Metadata.Name)
			if ended[i], errs[i] = follow(ctx, force, h, t, out, stderr); errs[i] != nil {
				cancel()
				return
			}
			errs[i] = errors.Join(out.Close(), stderr.Close())
			screen.result(ended[i])
		})
	}
	work.Wait()
	if force.Err() != nil {
		return nil, errInterrupted
	}
	return ended, errors.Join(append(errs, failed)...)
}

// check asks whether all tasks would be taken, and tells of each what is wrong with it.
func check(ctx context.Context, h taskHost, all []source) error {
	var errs []error
	for _, s := range all {
		_, err := h.Create(ctx, s.task, host.CreateOptions{DryRun: true})
		if ctx.Err() != nil {
			return errInterrupted
		}
		errs = append(errs, s.blame(err))
	}
	return errors.Join(errs...)
}

// submit submits tasks until it cannot.
func submit(ctx context.Context, h taskHost, all []source) (started []*task.Task, err error) {
	for _, s := range all {
		t, err := h.Create(ctx, s.task, host.CreateOptions{})
		switch {
		case err != nil && ctx.Err() != nil:
			return started, errInterrupted
		case err != nil:
			return started, s.blame(err)
		}
		started = append(started, t)
	}
	return started, nil
}

// follow copies the output of t and returns it when it is over. When ctx ends, or nobody reads the
// output any more, t is canceled; when force ends, follow gives up.
func follow(ctx, force context.Context, h taskHost, t *task.Task, out, errs io.Writer) (*task.Task, error) {
	name, uid := t.Metadata.Name, t.Metadata.UID
	cancel := sync.OnceValue(func() error { return h.Cancel(force, name, uid) })
	stop := context.AfterFunc(ctx, func() { _ = cancel() })
	defer func() {
		if !stop() {
			_ = cancel() // the one that runs
		}
	}()

	chunks := h.Output(force, name, task.OutputQuery{UID: uid, From: task.Cursor{Attempt: 1}, Rest: true, Follow: true})
	copied := copyOutput(tellRetries(chunks, errs), out, errs)
	if force.Err() != nil {
		return nil, errInterrupted
	}
	if copied != nil {
		_ = cancel() // if it is over already, there is nothing to cancel
	}
	ended, err := h.Wait(force, name, uid)
	if copied != nil {
		return nil, copied
	}
	return ended, err
}

// tellRetries passes chunks on and says of every attempt that has another after it how it ended. How
// the last one ended is told with the task's end.
func tellRetries(chunks iter.Seq2[task.Chunk, error], errs io.Writer) iter.Seq2[task.Chunk, error] {
	return func(yield func(task.Chunk, error) bool) {
		var last *task.Run
		for c, err := range chunks {
			if last != nil && c.Attempt > last.Attempt {
				fmt.Fprintln(errs, retryLine(last))
				last = nil
			}
			if c.Ended != nil {
				last = c.Ended
			}
			if !yield(c, err) {
				return
			}
		}
	}
}

func retryLine(r *task.Run) string {
	line := fmt.Sprintf("solti-host: attempt %d %s", r.Attempt, r.Phase)
	if d := runDetail(*r); d != "" {
		line += ": " + d
	}
	return line
}
