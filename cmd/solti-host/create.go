package main

import (
	"context"
	"errors"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/soltihq/solti-host/host/client"
	"github.com/soltihq/solti-host/host/task"
)

func (a *app) create() *cobra.Command {
	var o client.CreateOptions
	c, files := a.submission("create", "Submit new tasks")
	c.Long = `Submit new tasks. When it returns without an error they are on disk. A name that is taken is refused; a
task without a name gets one. A task that its slot rejects is stored as well, with that outcome.`
	c.Example = `  solti-host create -f report.yaml
  solti-host create -f report.yaml --idempotency-key report-2026-11-22`
	c.RunE = func(c *cobra.Command, _ []string) error {
		if err := checkKey(o); err != nil {
			return misuse(c, err)
		}
		n := 0 // tasks so far: each has a key of its own
		return a.submit(c.Context(), *files, func(ctx context.Context, host *client.Client, t *task.Task) (*task.Task, string, error) {
			one := o
			if n++; o.IdempotencyKey != "" && n > 1 {
				one.IdempotencyKey += "/" + strconv.Itoa(n)
			}
			stored, err := host.Create(ctx, t, one)
			return stored, verb("created", o.DryRun), err
		})
	}
	c.Flags().BoolVar(&o.DryRun, "dry-run", false, "check, route and build, but store nothing")
	c.Flags().StringVar(&o.IdempotencyKey, "idempotency-key", "", "makes a repetition of the same call harmless for 24 hours")
	_ = c.RegisterFlagCompletionFunc("idempotency-key", cobra.NoFileCompletions)
	return c
}

// maxKey is the length of a key that leaves room for the number of a task.
const maxKey = 240

// checkKey refuses a key that no request can carry, or that would do nothing.
func checkKey(o client.CreateOptions) error {
	if o.IdempotencyKey == "" {
		return nil
	}
	if o.DryRun {
		return errors.New("--idempotency-key does nothing with --dry-run")
	}
	for _, c := range []byte(o.IdempotencyKey) {
		if c < ' ' || c > '~' {
			return errors.New("--idempotency-key: only printable ASCII characters, please")
		}
	}
	if len(o.IdempotencyKey) > maxKey {
		return errors.New("--idempotency-key: at most " + strconv.Itoa(maxKey) + " characters, please")
	}
	return nil
}
