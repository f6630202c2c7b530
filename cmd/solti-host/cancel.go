package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/soltihq/solti-host/host/client"
	"github.com/soltihq/solti-host/host/task"
)

func (a *app) cancel() *cobra.Command {
	c := &cobra.Command{
		Use:   "cancel NAME...",
		Short: "Ask tasks to end; their records stay",
		Long: `Ask tasks to end. The answer comes when the wish is on disk; use "solti-host wait" to see them end. A task
that is over already stays as it is, which is no error.`,
		Example:           "  solti-host cancel nightly-backup && solti-host wait nightly-backup",
		Args:              some("NAME"),
		ValidArgsFunction: a.completeNames,
		RunE: func(c *cobra.Command, names []string) error {
			host, err := a.connect()
			if err != nil {
				return err
			}
			defer host.Close()
			return a.change(names, func(name task.Name) (*task.Task, string, error) {
				return cancel(c.Context(), host, name)
			})
		},
	}
	return a.hostFlags(a.documentFlag(c))
}

// change does something to every task that is named, and tells what became of it, in a line or as
// a document with the tasks as they then are.
func (a *app) change(names []string, do func(task.Name) (*task.Task, string, error)) error {
	var tasks []*task.Task
	failed := a.each(names, func(name task.Name) error {
		t, did, err := do(name)
		if err != nil {
			return err
		}
		tasks = append(tasks, t)
		if !a.documents() {
			fmt.Fprintf(a.out, "task/%s %s\n", clean(string(name)), did)
		}
		return nil
	})
	if a.documents() {
		if err := a.showTasks(tasks, len(names) > 1); err != nil {
			return err
		}
	}
	return failed
}

// cancel asks the task that has the name now to end, and returns it as it is then.
func cancel(ctx context.Context, host *client.Client, name task.Name) (t *task.Task, did string, err error) {
	if t, err = host.Get(ctx, name); err != nil {
		return nil, "", err
	}
	if t.Status.Done() {
		return t, "is over already: " + string(t.Status.Phase), nil
	}
	if err := host.Cancel(ctx, name, t.Metadata.UID); err != nil {
		return nil, "", err
	}
	now, err := host.Get(ctx, name)
	switch {
	case errors.Is(err, task.ErrNotFound) || err == nil && now.Metadata.UID != t.Metadata.UID:
		return t, "cancellation requested", nil // and somebody has deleted it since
	case err != nil:
		return nil, "", err
	case now.Status.Done():
		return now, string(now.Status.Phase), nil
	}
	return now, "cancellation requested", nil
}
