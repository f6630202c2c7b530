package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/soltihq/solti-host/host"
	"github.com/soltihq/solti-host/host/task"
)

func (a *app) runSpec() *cobra.Command {
	c := &cobra.Command{
		Use:   "run SPEC",
		Short: "Run one task to its end, without a server",
		Long: `Run the task in the file SPEC (- is standard input) in a host of its own, whose state is thrown away. The
task's standard output and standard error are those of this command; how it ended is the last line on standard error.

The exit code is 0 if the task succeeded, 1 if it failed or was canceled, 2 if the task or the configuration is
wrong, and 4 if a plugin or the host failed. The first Ctrl-C cancels the task, the second ends it at once.`,
		Args: one("SPEC"),
	}
	source := a.settings(c, "state-dir", "listen")
	c.RunE = func(c *cobra.Command, args []string) error {
		t, err := a.readOne(args[0])
		if err != nil {
			return err
		}
		force, stop := untilSecondSignal(c.Context())
		defer stop()
		ended, err := a.runPrivate(c.Context(), force, source(), t)
		if err != nil {
			return inDocument(args[0], err)
		}
		return a.result(ended)
	}
	return a.formatFlag(c)
}

// runPrivate runs t in a host of its own, in a directory of its own.
func (a *app) runPrivate(ctx, force context.Context, source host.ConfigSource, t *task.Task) (ended *task.Task, err error) {
	// A reader that went away is an error of a write, so that what was started is also stopped.
	broken := make(chan os.Signal, 1)
	signal.Notify(broken, syscall.SIGPIPE)
	defer signal.Stop(broken)

	dir, err := os.MkdirTemp("", "solti-run-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	source.Flags["state-dir"], source.Flags["listen"] = dir, "none"
	source.Defaults["log.level"] = "warn"
	o, err := host.LoadConfig(source)
	if err != nil {
		return nil, misuseError{err: err}
	}
	o.Subreaper = true // this process is a host and nothing else
	h, err := host.New(o)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, h.Shutdown(force)) }()
	if err := h.Start(ctx); err != nil {
		return nil, err
	}
	return follow(ctx, force, h, t, a.out, a.errs)
}

// A taskHost takes a task and tells about it.
type taskHost interface {
	Submit(ctx context.Context, t *task.Task) (*task.Task, error)
	Output(ctx context.Context, name task.Name, q task.OutputQuery) iter.Seq2[task.Chunk, error]
	Wait(ctx context.Context, name task.Name, uid task.UID) (*task.Task, error)
	Cancel(ctx context.Context, name task.Name, uid task.UID) error
}

// follow submits t, copies its output, and returns it when it is over. When ctx ends, or nobody reads
// the output any more, t is canceled; when force ends, follow gives up.
func follow(ctx, force context.Context, h taskHost, t *task.Task, out, errs io.Writer) (*task.Task, error) {
	t, err := h.Submit(ctx, t)
	if err != nil && ctx.Err() != nil {
		return nil, errInterrupted
	}
	if err != nil {
		return nil, err
	}
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
