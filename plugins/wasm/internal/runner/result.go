package runner

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/soltihq/solti-host/plugins/wasm/internal/image"
	"github.com/soltihq/solti-host/plugins/wasm/internal/pool"
	"github.com/soltihq/solti-host/plugins/wasm/internal/wire"
	"github.com/soltihq/solti-host/sdk"
)

// startError is the result of an attempt whose guest never ran.
func startError(ctx context.Context, err error) error {
	var refused *image.RefusedError
	var load *wire.RefusalError
	var grant *grantError
	var crash *pool.CrashError
	switch {
	case ctx.Err() != nil:
		return err // stopped before it began
	case errors.As(err, &refused), errors.As(err, &load), errors.As(err, &grant):
		return sdk.Permanent(sdk.StartFailed(err))
	case errors.As(err, &crash) && crash.Exit.OutOfMemory():
		return sdk.Permanent(sdk.StartFailed(fmt.Errorf("the module needs more memory to be loaded than workers may have: %w", err)))
	default:
		return sdk.StartFailed(err)
	}
}

// result is the result of an attempt whose guest ran. What was done to it goes before what it says.
func (t *task) result(ctx context.Context, e ending, out *outlet) error {
	s, err := e.status, e.err
	var crash *pool.CrashError
	switch {
	case ctx.Err() != nil:
		return sdk.Killed("SIGKILL")
	case errors.Is(err, wire.ErrOutputLimit):
		return fmt.Errorf("output limit: %w", t.outputError(err))
	case errors.As(err, &crash):
		return t.crashed(crash)
	case err != nil:
		return fmt.Errorf("the worker broke: %w", err)
	}
	switch s.End {
	case wire.Exited:
		if s.Code == 0 {
			return sdk.Exit(0)
		}
		return fmt.Errorf("%w%s", sdk.Exit(int(int32(s.Code))), out.lastWords()) //nolint:gosec // as the wire has it
	case wire.Trapped:
		return sdk.Permanent(errors.New(trapText(&s.Trap) + out.lastWords()))
	default:
		return sdk.Permanent(sdk.StartFailed(errors.New(s.Reason)))
	}
}

// crashed is the result of an attempt whose worker ended without a word.
func (t *task) crashed(c *pool.CrashError) error {
	switch {
	case t.workload.Limits.CPU > 0 && c.Exit.Signal == unix.SIGXCPU:
		return fmt.Errorf("cpu limit: it took more than %s of processor time", t.workload.Limits.CPU)
	case c.Exit.OutOfMemory():
		return sdk.Permanent(sdk.OutOfMemory("it took more memory than its limit of %s and what the engine needs", t.workload.Limits.Memory))
	default:
		return fmt.Errorf("the worker crashed: %s", c.Error())
	}
}

// outputError says which limits there were.
func (t *task) outputError(err error) error {
	o := t.workload.Limits.Output
	if o.Rate > 0 {
		return fmt.Errorf("%w: more than %s, or than %s a second", err, o.Bytes, o.Rate)
	}
	return fmt.Errorf("%w: more than %s", err, o.Bytes)
}

// trapText says why and where a guest was stopped.
func trapText(t *wire.Trap) string {
	var b strings.Builder
	fmt.Fprintf(&b, "trap %s: %s", t.Kind, t.Message)
	for _, f := range t.Frames {
		fmt.Fprintf(&b, "\n  at %s", f.Function)
		if f.Source != "" {
			fmt.Fprintf(&b, " (%s)", f.Source)
		}
	}
	return b.String()
}
