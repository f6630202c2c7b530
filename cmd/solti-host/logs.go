package main

import (
	"errors"
	"fmt"
	"io"
	"iter"

	"github.com/spf13/cobra"

	"github.com/soltihq/solti-host/host/task"
)

func (a *app) logs() *cobra.Command {
	var q task.OutputQuery
	var streams []string
	c := &cobra.Command{
		Use:   "logs NAME",
		Short: "Print the output of a task",
		Long: `Print the output of the last attempt of a task, or of the one that --attempt names: its standard output on
standard output, its standard error on standard error. With -f, go on until the task is over, through all its attempts.

Bytes are printed as the task wrote them. Output that the host did not keep is a line on standard error.`,
		Example:           "  solti-host logs -f --stream stderr nightly-backup",
		Args:              one("NAME"),
		ValidArgsFunction: a.completeName,
		RunE: func(c *cobra.Command, args []string) error {
			if len(streams) > 0 {
				q.Stream = map[string]task.Stream{"stdout": task.Stdout, "stderr": task.Stderr}[streams[0]]
			}
			host, err := a.connect()
			if err != nil {
				return err
			}
			defer host.Close()
			err = copyOutput(host.Output(c.Context(), task.Name(args[0]), q), a.out, a.errs)
			if c.Context().Err() != nil {
				return nil // the reader has seen enough
			}
			if q.From.Attempt > 0 && errors.Is(err, task.ErrNotFound) {
				return &subjectError{"task", args[0], err, fmt.Sprintf("see %q", "solti-host runs "+args[0])}
			}
			return aboutTask(task.Name(args[0]), err)
		},
	}
	f := c.Flags()
	f.BoolVarP(&q.Follow, "follow", "f", false, "go on until the task is over")
	f.Var(count{&q.From.Attempt, 1}, "attempt", "this attempt (default the last)")
	f.VarP(noFormat(`output has no form but its own; "solti-host runs NAME -o json" describes the attempts`), "output", "o", "")
	_ = f.MarkHidden("output")
	_ = c.RegisterFlagCompletionFunc("attempt", cobra.NoFileCompletions)
	choose(c, &streams, "stream", "only stdout or stderr (default both)", false, task.Stdout.String(), task.Stderr.String())
	return a.hostFlags(c)
}

// copyOutput writes each stream to its writer until the chunks end.
func copyOutput(chunks iter.Seq2[task.Chunk, error], out, errs io.Writer) error {
	for c, err := range chunks {
		switch {
		case err != nil:
			return err
		case c.Ended != nil: // what there is of it was written
		case c.Gap > 0:
			fmt.Fprintf(errs, "solti-host: %d bytes of %s are missing here: %s\n", c.Gap, c.Stream, clean(c.Why))
		default:
			w := out
			if c.Stream == task.Stderr {
				w = errs
			}
			if _, err := w.Write(c.Data); err != nil {
				return fmt.Errorf("write the task's %s: %w", c.Stream, err)
			}
		}
	}
	return nil
}
