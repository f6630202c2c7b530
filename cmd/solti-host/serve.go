package main

import (
	"context"
	"errors"
	"os"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/soltihq/solti-host/host"
)

func (a *app) serve() *cobra.Command {
	c := &cobra.Command{
		Use:   "serve",
		Short: "Run the host",
		Long: `Run the host until SIGINT or SIGTERM. Then running tasks have --grace to end; a second signal ends them at
once. Tasks that wait, and those that restart, go on when the host runs again.

Every flag is also a variable and, but for --config, a key of the configuration file; a flag wins over the
variable, that over the file.`,
		Example: "  solti-host serve --state-dir /tmp/solti --log-format json 2>host.log",
		Args:    none,
	}
	source := a.settings(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		o, err := host.LoadConfig(source())
		if err != nil {
			return misuseError{err: err}
		}
		o.Subreaper = true // this process is a host and nothing else
		if os.Getenv("GOGC") == "" {
			debug.SetGCPercent(garbage)
		}
		h, err := host.New(o)
		if err != nil {
			return err
		}
		force, stop := untilSecondSignal(c.Context())
		defer stop()
		return serve(c.Context(), force, h)
	}
	return c
}

// garbage lets the heap grow that many per cent between two collections. What a host holds is small
// beside what passes through it: collecting that took an eighth of the processor time of a short task.
const garbage = 400

// A server is a host that this process runs.
type server interface {
	Start(ctx context.Context) error
	Serve(ctx context.Context) error // until ctx ends
	Shutdown(ctx context.Context) error
}

// serve runs h until ctx ends, and then gives it until force ends to stop.
func serve(ctx, force context.Context, h server) error {
	err := h.Start(ctx)
	if err == nil {
		debug.FreeOSMemory() // what reading the state took is not needed again
		err = h.Serve(ctx)
	}
	if ctx.Err() != nil && errors.Is(err, context.Cause(ctx)) {
		err = nil // it was asked to end
	}
	return errors.Join(err, h.Shutdown(force))
}
