package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/soltihq/solti-host/host/client"
	"github.com/soltihq/solti-host/host/task"
)

// Exit codes that scripts may rely on.
const (
	exitOK      = 0
	exitFailed  = 1 // the task failed or was canceled, or the host refused what was asked
	exitMisuse  = 2 // arguments, configuration, with the directories it names, or a document are wrong
	exitTimeout = 3 // waiting took longer than --timeout
	exitInfra   = 4 // no host, a host that cannot, or a task that was lost
)

// A misuseError is a wrong use of the program.
type misuseError struct {
	err  error
	hint string // the next step; may be empty
}

func (e misuseError) Error() string { return e.err.Error() }
func (e misuseError) Unwrap() error { return e.err }

// Hint is the next step.
func (e misuseError) Hint() string { return e.hint }

// A hinter is an error that knows the next step.
type hinter interface {
	error
	Hint() string // one line; may be empty
}

// misuse blames the arguments of c.
func misuse(c *cobra.Command, err error) error {
	return misuseError{err: err, hint: fmt.Sprintf("see %q", c.CommandPath()+" --help")}
}

// An exitError ends the program with a code, after everything was said.
type exitError int

func (e exitError) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

// errInterrupted says that a signal ended the command.
var errInterrupted = errors.New("interrupted")

// exit tells the user about err and returns the exit code for it.
func (a *app) exit(err error) int {
	if err == nil {
		return exitOK
	}
	if code, ok := errors.AsType[exitError](err); ok {
		return int(code)
	}
	fmt.Fprintf(a.errs, "%s\n", cleanLines(err.Error()))
	if h, ok := errors.AsType[hinter](err); ok && h.Hint() != "" {
		fmt.Fprintln(a.errs, clean(h.Hint()))
	}
	return code(err)
}

// infra are conditions of the host or the machine, and not of what was asked.
var infra = []error{
	client.ErrNoHost, task.ErrNotReady, task.ErrClosed, task.ErrUnavailable, task.ErrNoSpace,
}

// refusals are answers of a healthy host, or of the program itself, to what was asked.
var refusals = []error{
	task.ErrNotFound, task.ErrExists, task.ErrConflict, task.ErrNoRunner, task.ErrQueueFull,
	task.ErrKeyReused, task.ErrExpired, errInterrupted,
}

// wrongDocuments are reasons that say that what was sent is wrong in itself.
var wrongDocuments = map[task.Reason]bool{
	task.ReasonInvalid: true, task.ReasonBadRequest: true, task.ReasonTooLarge: true,
	task.ReasonInvalidSpec: true, task.ReasonMissingField: true, task.ReasonUnsupportedKind: true,
}

// code is the one table from errors to exit codes.
func code(err error) int {
	is := func(target error) bool { return errors.Is(err, target) }
	if _, ok := errors.AsType[misuseError](err); ok {
		return exitMisuse
	}
	if _, ok := errors.AsType[task.FieldErrors](err); ok {
		return exitMisuse
	}
	if e, ok := errors.AsType[*task.Error](err); ok && wrongDocuments[e.Reason] {
		return exitMisuse
	}
	if e, ok := errors.AsType[*client.StatusError](err); ok && wrongDocuments[e.Reason] {
		return exitMisuse
	}
	switch {
	case is(context.DeadlineExceeded):
		return exitTimeout
	case containsTarget(infra, is):
		return exitInfra
	case containsTarget(refusals, is):
		return exitFailed
	}
	if e, ok := errors.AsType[*client.StatusError](err); ok && e.Code < 500 {
		return exitFailed
	}
	return exitInfra
}

func containsTarget(list []error, is func(error) bool) bool {
	for _, e := range list {
		if is(e) {
			return true
		}
	}
	return false
}

// outcomeCode is the exit code for a task that is over.
func outcomeCode(o *task.Outcome) int {
	switch o.Kind {
	case task.OutcomeCompleted:
		return exitOK
	case task.OutcomeLost:
		return exitInfra
	default:
		return exitFailed
	}
}
