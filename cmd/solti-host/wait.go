package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/soltihq/solti-host/host/task"
)

func (a *app) wait() *cobra.Command {
	var timeout time.Duration
	c := &cobra.Command{
		Use:   "wait NAME",
		Short: "Wait until a task is over, and exit as it did",
		Long: `Wait until a task is over. The exit code is 0 if it succeeded, 1 if it failed or was canceled, 3 if
--timeout is over first, and 4 if the task was lost. A host that is restarted meanwhile is waited for.`,
		Example:           "  solti-host wait --timeout 10m nightly-backup",
		Args:              one("NAME"),
		ValidArgsFunction: a.completeName,
		RunE: func(c *cobra.Command, args []string) error {
			host, err := a.connect()
			if err != nil {
				return err
			}
			defer host.Close()
			ctx := c.Context()
			if timeout > 0 {
				var cancel context.CancelFunc
				ctx, cancel = context.WithTimeout(ctx, timeout)
				defer cancel()
			}
			t, err := host.Wait(ctx, task.Name(args[0]), task.UID{})
			if err != nil {
				return waitError(c.Context(), args[0], timeout, err)
			}
			return a.result(t)
		},
	}
	c.Flags().Var(span{&timeout}, "timeout", "wait no longer than this; 0 means without end (default 0)")
	_ = c.RegisterFlagCompletionFunc("timeout", cobra.NoFileCompletions)
	return a.hostFlags(a.documentFlag(c))
}

// A timeoutError says that a task was not over in time.
type timeoutError struct {
	name    string
	timeout time.Duration
}

func (e *timeoutError) Error() string {
	return fmt.Sprintf("task %s: not over after %s", e.name, task.Duration(e.timeout))
}

func (e *timeoutError) Unwrap() error { return context.DeadlineExceeded }

// waitError says what a wait without a result means for the task.
func waitError(ctx context.Context, name string, timeout time.Duration, err error) error {
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("task %s: %w; the task goes on", name, errInterrupted)
	case errors.Is(err, context.DeadlineExceeded):
		return &timeoutError{name, timeout}
	default:
		return aboutTask(task.Name(name), err)
	}
}

// result tells how a task ended and turns it into an exit code.
func (a *app) result(t *task.Task) error {
	if a.documents() {
		if err := a.show(t, nil); err != nil {
			return err
		}
	} else {
		fmt.Fprintln(a.errs, resultText(t))
	}
	if code := outcomeCode(t.Status.Outcome); code != exitOK {
		return exitError(code)
	}
	return nil
}

// maxFrames is how many lines of a trace are shown.
const maxFrames = 30

// resultText tells how a task ended, and below it, of one that did not complete, where: the lines of its message
// that are further in, such as the functions of a trap.
func resultText(t *task.Task) string {
	text := resultLine(t)
	if t.Status.Outcome.Kind == task.OutcomeCompleted {
		return text
	}
	_, rest, _ := strings.Cut(why(t), "\n")
	shown := 0
	for line := range strings.Lines(rest) {
		if !strings.HasPrefix(line, "  ") || shown == maxFrames {
			break
		}
		text += "\n" + firstLine(strings.TrimRight(line, "\n"), 400)
		shown++
	}
	return text
}

// resultLine tells how a task ended, in one line.
func resultLine(t *task.Task) string {
	s := t.Status
	var parts []string
	if s.Attempt > 1 {
		parts = append(parts, fmt.Sprintf("%d attempts", s.Attempt))
	}
	if w := firstLine(why(t), 200); w != "" && s.Outcome.Kind != task.OutcomeCompleted {
		parts = append(parts, w)
	}
	if r := s.Outcome.Reason; r != "" && !strings.EqualFold(string(r), string(s.Phase)) {
		parts = append(parts, string(r))
	}
	line := fmt.Sprintf("%s %s after %s", clean(string(t.Metadata.Name)), s.Phase,
		short(s.Outcome.FinishedAt.Sub(t.Metadata.CreationTimestamp)))
	if len(parts) > 0 {
		line += " (" + strings.Join(parts, ", ") + ")"
	}
	return line
}
