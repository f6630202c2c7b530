package sdk

import (
	"errors"
	"fmt"

	pluginv1 "github.com/soltihq/solti-host/shared/proto/solti/plugin/v1"
)

// An ExitError says with which exit code the work ended. Make one with [Exit] or [Finished].
type ExitError struct {
	Code int
	OK   bool // the work counts as done in spite of its code
}

func (e *ExitError) Error() string { return fmt.Sprintf("exit status %d", e.Code) }

// Exit is the result of work that ended with an exit code. Zero is success, anything else a failure.
func Exit(code int) error { return &ExitError{Code: code, OK: code == 0} }

// Finished is a success whatever the exit code, which is recorded all the same.
func Finished(code int) error { return &ExitError{Code: code, OK: true} }

// A KilledError says that a signal ended the work. Make one with [Killed].
type KilledError struct {
	Signal string
}

func (e *KilledError) Error() string { return "killed by " + e.Signal }

// Killed is the result of work that a signal ended, named like SIGKILL.
func Killed(signal string) error { return &KilledError{Signal: signal} }

// Permanent marks a failure that no retry can mend: the task ends whatever its restart policy. It
// returns nil for a nil error.
func Permanent(err error) error { return mark(err, ending{permanent: true}) }

// StartFailed marks a failure to start the work at all, such as a program that does not exist. It
// returns nil for a nil error.
func StartFailed(err error) error {
	return mark(err, ending{result: pluginv1.Result_RESULT_START_FAILED})
}

// OutOfMemory is the result of work that was killed for using too much memory. The text says what
// the limit was.
func OutOfMemory(format string, args ...any) error {
	return mark(fmt.Errorf(format, args...), ending{result: pluginv1.Result_RESULT_OOM_KILLED})
}

// An ending is what a result error adds to the Exited frame.
type ending struct {
	result    pluginv1.Result
	permanent bool
	err       error
}

func mark(err error, e ending) error {
	if err == nil {
		return nil
	}
	e.err = err
	return &e
}

func (e *ending) Error() string { return e.err.Error() }
func (e *ending) Unwrap() error { return e.err }

// exited translates what Run returned. stopped says that somebody had asked the attempt to end before
// it did: then that is why it ended, also where it did so without complaint.
func exited(err error, stopped bool) *pluginv1.Exited {
	x := &pluginv1.Exited{Result: pluginv1.Result_RESULT_SUCCEEDED}
	if err == nil {
		if stopped {
			x.Result = pluginv1.Result_RESULT_CANCELED
		}
		return x
	}
	x.Result = pluginv1.Result_RESULT_FAILED
	for walk := err; walk != nil; walk = errors.Unwrap(walk) {
		if e, ok := walk.(*ending); ok { //nolint:errorlint // each layer is looked at by itself
			x.Permanent = x.Permanent || e.permanent
			if e.result != pluginv1.Result_RESULT_UNSPECIFIED && x.Result == pluginv1.Result_RESULT_FAILED {
				x.Result = e.result
			}
		}
	}
	ok := false
	if exit := (*ExitError)(nil); errors.As(err, &exit) {
		code := int32(exit.Code)
		x.ExitCode = &code
		ok = exit.OK
	}
	if killed := (*KilledError)(nil); errors.As(err, &killed) {
		x.Signal = killed.Signal
	}
	switch {
	case ok && !stopped && x.Result == pluginv1.Result_RESULT_FAILED:
		x.Result, x.Permanent = pluginv1.Result_RESULT_SUCCEEDED, false
		return x
	case stopped && x.Result != pluginv1.Result_RESULT_OOM_KILLED:
		x.Result, x.Permanent = pluginv1.Result_RESULT_CANCELED, false
	}
	x.Message = clip(err.Error(), maxText)
	return x
}
