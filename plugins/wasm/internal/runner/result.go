package runner

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/soltihq/solti-host/plugins/wasm/internal/image"
	"github.com/soltihq/solti-host/plugins/wasm/internal/metrics"
	"github.com/soltihq/solti-host/plugins/wasm/internal/pool"
	"github.com/soltihq/solti-host/plugins/wasm/internal/wire"
	"github.com/soltihq/solti-host/sdk"
)

// A verdict is how an attempt ended, for the host and for those who count.
type verdict struct {
	err     error
	outcome metrics.Outcome
	trap    wire.TrapKind // of metrics.Trapped
}

// startError is the result of an attempt whose guest never ran.
func startError(ctx context.Context, err error) verdict {
	var refused *image.RefusedError
	var load *wire.RefusalError
	var grant *grantError
	var crash *pool.CrashError
	switch {
	case ctx.Err() != nil:
		return verdict{err: err, outcome: metrics.Stopped} // before it began
	case errors.As(err, &refused), errors.As(err, &load), errors.As(err, &grant):
		return verdict{err: sdk.Permanent(sdk.StartFailed(err)), outcome: metrics.Refused}
	case errors.As(err, &crash) && crash.Exit.OutOfMemory():
		err = fmt.Errorf("the module needs more memory to be loaded than workers may have: %w", err)
		return verdict{err: sdk.Permanent(sdk.StartFailed(err)), outcome: metrics.OutOfMemory}
	default:
		return verdict{err: sdk.StartFailed(err), outcome: metrics.StartFailed}
	}
}

// result is the result of an attempt whose guest ran. What was done to it goes before what it says.
func (t *task) result(ctx context.Context, e ending, out *outlet) verdict {
	s, err := e.status, e.err
	var crash *pool.CrashError
	switch {
	case ctx.Err() != nil:
		return verdict{err: sdk.Killed("SIGKILL"), outcome: metrics.Stopped}
	case errors.Is(err, wire.ErrOutputLimit):
		return verdict{err: fmt.Errorf("output limit: %w", t.outputError(err)), outcome: metrics.OutputLimit}
	case errors.As(err, &crash):
		return t.crashed(crash)
	case err != nil:
		return verdict{err: fmt.Errorf("the worker broke: %w", err), outcome: metrics.Crashed}
	}
	return ended(s, out)
}

// ended is the result of an attempt whose worker has told its end.
func ended(s wire.Status, out *outlet) verdict {
	switch s.End {
	case wire.Exited:
		if s.Code == 0 {
			return verdict{err: sdk.Exit(0), outcome: metrics.Succeeded}
		}
		code := sdk.Exit(int(int32(s.Code))) //nolint:gosec // as the wire has it
		return verdict{err: fmt.Errorf("%w%s", code, out.lastWords()), outcome: metrics.Failed}
	case wire.Trapped:
		return verdict{
			err:     sdk.Permanent(errors.New(trapText(&s.Trap) + out.lastWords())),
			outcome: metrics.Trapped, trap: s.Trap.Kind,
		}
	default:
		return verdict{err: sdk.Permanent(sdk.StartFailed(errors.New(s.Reason))), outcome: metrics.Refused}
	}
}

// crashed is the result of an attempt whose worker ended without a word.
func (t *task) crashed(c *pool.CrashError) verdict {
	switch {
	case t.workload.Limits.CPU > 0 && c.Exit.Signal == unix.SIGXCPU:
		err := fmt.Errorf("cpu limit: it took more than %s of processor time", t.workload.Limits.CPU)
		return verdict{err: err, outcome: metrics.CPULimit}
	case c.Exit.OOMKilled: // which depends on what else runs, so the next attempt may end well
		err := sdk.OutOfMemory("%s; the guest's own limit is %s", c, t.workload.Limits.Memory)
		return verdict{err: err, outcome: metrics.OutOfMemory}
	case c.Exit.OutOfMemory():
		err := sdk.OutOfMemory("it took more memory than its limit of %s and what the engine needs", t.workload.Limits.Memory)
		return verdict{err: sdk.Permanent(err), outcome: metrics.OutOfMemory}
	default:
		return verdict{err: fmt.Errorf("the worker crashed: %s", c.Error()), outcome: metrics.Crashed}
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
