package main

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"

	"github.com/soltihq/solti-host/host/client"
	"github.com/soltihq/solti-host/host/task"
)

func (a *app) delete() *cobra.Command {
	var wait bool
	c := &cobra.Command{
		Use:   "delete NAME...",
		Short: "Cancel tasks and remove them, with their runs and output",
		Long: `Remove tasks with their runs and output. A task that is not over is asked to end first, and goes when it has
ended. With -o the tasks are printed as they were last.`,
		Example:           "  solti-host delete --wait nightly-backup",
		Args:              some("NAME"),
		ValidArgsFunction: a.completeNames,
		RunE: func(c *cobra.Command, names []string) error {
			host, err := a.connect()
			if err != nil {
				return err
			}
			defer host.Close()
			return a.change(names, func(name task.Name) (*task.Task, string, error) {
				t, gone, err := remove(c.Context(), host, name, wait)
				if gone {
					return t, "deleted", err
				}
				return t, "deletion requested", err
			})
		},
	}
	c.Flags().BoolVar(&wait, "wait", false, "wait until the tasks are gone")
	return a.hostFlags(a.documentFlag(c))
}

// remove deletes the task that has the name now, and with wait sees it go. It returns the task as it
// was last.
func remove(ctx context.Context, host *client.Client, name task.Name, wait bool) (t *task.Task, gone bool, err error) {
	if t, err = host.Get(ctx, name); err != nil {
		return nil, false, err
	}
	uid := t.Metadata.UID
	if gone, err = host.Delete(ctx, name, uid); gone || err != nil {
		return t, gone, err
	}
	if wait {
		if _, err := host.Wait(ctx, name, uid); err != nil && !errors.Is(err, task.ErrNotFound) {
			return nil, false, waitEnded(ctx, err)
		}
	}
	pause := time.NewTicker(20 * time.Millisecond)
	defer pause.Stop()
	for { // with wait it is over, and about to go
		now, err := host.Get(ctx, name)
		if errors.Is(err, task.ErrNotFound) || err == nil && now.Metadata.UID != uid {
			return t, true, nil
		}
		if err != nil || !wait {
			return now, false, waitEnded(ctx, err)
		}
		t = now
		select {
		case <-pause.C:
		case <-ctx.Done():
			return nil, false, errInterrupted
		}
	}
}

// waitEnded is why nobody waits any more: a signal, or err.
func waitEnded(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return errInterrupted
	}
	return err
}
