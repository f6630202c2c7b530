package main

import (
	"context"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/soltihq/solti-host/host/client"
	"github.com/soltihq/solti-host/host/task"
)

func (a *app) create() *cobra.Command {
	var o client.CreateOptions
	c, files := a.submission("create", "Submit new tasks")
	c.Long = `Submit new tasks. When it returns without an error they are on disk. A name that is taken is refused; a
task without a name gets one.`
	c.RunE = func(c *cobra.Command, _ []string) error {
		n := 0 // tasks so far: each has a key of its own
		return a.submit(c.Context(), *files, func(ctx context.Context, host *client.Client, t *task.Task) (*task.Task, string, error) {
			one := o
			if n++; o.IdempotencyKey != "" && n > 1 {
				one.IdempotencyKey += "/" + strconv.Itoa(n)
			}
			stored, err := host.Create(ctx, t, one)
			return stored, "created", err
		})
	}
	c.Flags().BoolVar(&o.DryRun, "dry-run", false, "check, route and build, but store nothing")
	c.Flags().StringVar(&o.IdempotencyKey, "idempotency-key", "", "makes a repetition of the same call harmless for 24 hours")
	return c
}
