package main

import (
	"fmt"
	"io"
	"iter"

	"github.com/spf13/cobra"

	"github.com/soltihq/solti-host/host/task"
)

func (a *app) logs() *cobra.Command {
	var q task.OutputQuery
	var stream string
	c := &cobra.Command{
		Use:   "logs NAME",
		Short: "Print the output of a task: its standard output on standard output, its standard error on standard error",
		Long: `Print the output of the last attempt of a task, or of the one that --attempt names. With -f, go on until
the task is over, through all its attempts.

Bytes are printed as the task wrote them. Output that the host did not keep is a line on standard error.`,
		Args:              one("NAME"),
		ValidArgsFunction: a.completeNames,
		RunE: func(c *cobra.Command, args []string) error {
			s, err := parseStream(stream)
			if err != nil {
				return misuse(c, err)
			}
			q.Stream = s
			host, err := a.connect()
			if err != nil {
				return err
			}
			defer host.Close()
			err = copyOutput(host.Output(c.Context(), task.Name(args[0]), q), a.out, a.errs)
			if c.Context().Err() != nil {
				return nil // the reader has seen enough
			}
			return err
		},
	}
	f := c.Flags()
	f.BoolVarP(&q.Follow, "follow", "f", false, "go on until the task is over")
	f.IntVar(&q.From.Attempt, "attempt", 0, "this attempt (default the last)")
	f.StringVar(&stream, "stream", "", "only stdout or stderr (default both)")
	return a.hostFlags(c)
}

func parseStream(s string) (task.Stream, error) {
	switch s {
	case "":
		return 0, nil
	case task.Stdout.String():
		return task.Stdout, nil
	case task.Stderr.String():
		return task.Stderr, nil
	}
	return 0, fmt.Errorf("--stream: %q is neither stdout nor stderr", s)
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
