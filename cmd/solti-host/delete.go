package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/soltihq/solti-host/host/client"
	"github.com/soltihq/solti-host/host/task"
)

func (a *app) delete() *cobra.Command {
	var wait bool
	c := &cobra.Command{
		Use:               "delete NAME...",
		Short:             "Cancel tasks and remove them, with their runs and output",
		Args:              some("NAME"),
		ValidArgsFunction: a.completeNames,
		RunE: func(c *cobra.Command, names []string) error {
			host, err := a.connect()
			if err != nil {
				return err
			}
			defer host.Close()
			for _, n := range names {
				gone, err := remove(c.Context(), host, task.Name(n), wait)
				if err != nil {
					return fmt.Errorf("task %s: %w", n, err)
				}
				verb := "deleted"
				if !gone {
					verb = "deletion requested"
				}
				fmt.Fprintf(a.out, "task/%s %s\n", clean(n), verb)
			}
			return nil
		},
	}
	c.Flags().BoolVar(&wait, "wait", false, "wait until the tasks are gone")
	return a.hostFlags(c)
}

// remove deletes the task that has the name now, and with wait sees it go.
func remove(ctx context.Context, host *client.Client, name task.Name, wait bool) (gone bool, err error) {
	t, err := host.Get(ctx, name)
	if err != nil {
		return false, err
	}
	uid := t.Metadata.UID
	if gone, err = host.Delete(ctx, name, uid); gone || err != nil || !wait {
		return gone, err
	}
	if _, err := host.Wait(ctx, name, uid); err != nil {
		return errors.Is(err, task.ErrNotFound), ignore(err, task.ErrNotFound)
	}
	for pause := time.NewTicker(20 * time.Millisecond); ; { // over, and about to go
		t, err := host.Get(ctx, name)
		if errors.Is(err, task.ErrNotFound) || err == nil && t.Metadata.UID != uid {
			return true, nil
		}
		if err != nil {
			return false, err
		}
		select {
		case <-pause.C:
		case <-ctx.Done():
			return false, errInterrupted
		}
	}
}

// ignore returns err unless it is target.
func ignore(err, target error) error {
	if errors.Is(err, target) {
		return nil
	}
	return err
}
