package runner

import (
	"context"
	"errors"
	"fmt"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/soltihq/solti-host/plugins/subprocess/internal/process"
	"github.com/soltihq/solti-host/sdk"
)

// failed is the result of an attempt that has no exit.
func (t *task) failed(ctx context.Context, err error) error {
	var start *process.StartError
	switch {
	case errors.As(err, &start) && start.Permanent:
		return sdk.Permanent(sdk.StartFailed(err))
	case errors.As(err, &start):
		return sdk.StartFailed(err)
	case ctx.Err() != nil:
		return err // stopped before it began
	default:
		return fmt.Errorf("%s: %w", t.program, err)
	}
}

// result is the result of an attempt that ran. One that was stopped never counts as done because of
// failOnNonZero: it was not asked how it would have ended.
func (t *task) result(ctx context.Context, exit process.Exit) error {
	stopped := ctx.Err() != nil
	switch {
	case exit.Signal != 0 && !t.fails && !stopped:
		return nil
	case exit.Signal != 0:
		return fmt.Errorf("%s: %w%s", t.program, sdk.Killed(signalName(exit.Signal)), killHint(exit.Signal, stopped))
	case exit.Code == 0:
		return sdk.Exit(0)
	case !t.fails && !stopped:
		return sdk.Finished(exit.Code)
	default:
		return fmt.Errorf("%s: %w%s", t.program, sdk.Exit(exit.Code), t.exitHint(exit.Code))
	}
}

// signalName names a signal like SIGKILL.
func signalName(sig syscall.Signal) string {
	if name := unix.SignalName(sig); name != "" {
		return name
	}
	return fmt.Sprintf("signal %d", int(sig))
}

// killHint tells what a signal that nobody asked for usually means.
func killHint(sig syscall.Signal, stopped bool) string {
	if sig == syscall.SIGKILL && !stopped {
		return ", which nobody here sent; if the machine was short of memory, it was the kernel (see dmesg)"
	}
	return ""
}

// exitHint tells what shells mean by two codes.
func (t *task) exitHint(code int) string {
	switch {
	case t.script == nil:
		return ""
	case code == 127:
		return ", by which shells mean that a program was not found; check PATH in the task's env"
	case code == 126:
		return ", by which shells mean that a program must not be executed"
	default:
		return ""
	}
}
