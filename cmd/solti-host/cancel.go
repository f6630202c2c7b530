package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/soltihq/solti-host/host/task"
)

func (a *app) cancel() *cobra.Command {
	c := &cobra.Command{
		Use:               "cancel NAME...",
		Short:             "Ask tasks to end; their records stay",
		Long:              "Ask tasks to end. The answer comes when the wish is on disk; use \"solti-host wait\" to see them end.",
		Args:              some("NAME"),
		ValidArgsFunction: a.completeNames,
		RunE: func(c *cobra.Command, names []string) error {
			host, err := a.connect()
			if err != nil {
				return err
			}
			defer host.Close()
			for _, n := range names {
				if err := host.Cancel(c.Context(), task.Name(n), task.UID{}); err != nil {
					return fmt.Errorf("task %s: %w", n, err)
				}
				fmt.Fprintf(a.out, "task/%s cancellation requested\n", clean(n))
			}
			return nil
		},
	}
	return a.hostFlags(c)
}
