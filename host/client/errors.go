package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"syscall"
	"time"

	"github.com/soltihq/solti-host/host/task"
)

// ErrNoHost is wrapped by errors that mean that nobody answers where the host should be.
var ErrNoHost = errors.New("no host is running")

// A StatusError is a failure that the host has answered.
type StatusError struct {
	Code       int         // HTTP status
	Reason     task.Reason // a word that programs can test
	Message    string      // for people
	Causes     task.FieldErrors
	RetryAfter time.Duration // when a repetition may succeed; 0 means that it will not
}

// Error returns the message, or the fields at fault where there are any.
func (e *StatusError) Error() string {
	if len(e.Causes) > 0 {
		return strings.TrimSpace(e.Causes.Error())
	}
	if e.Message != "" {
		return e.Message
	}
	return fmt.Sprintf("the host answered with status %d", e.Code)
}

// Is makes e answer to the conditions of package task, and a deadline to context.DeadlineExceeded.
func (e *StatusError) Is(target error) bool {
	for _, c := range conditions {
		if c.reason == e.Reason {
			return target == c.err
		}
	}
	return false
}

// conditions maps the reasons of answers to the conditions that callers test.
var conditions = [...]struct {
	reason task.Reason
	err    error
}{
	{task.ReasonNotFound, task.ErrNotFound},
	{task.ReasonAlreadyExists, task.ErrExists},
	{task.ReasonConflict, task.ErrConflict},
	{task.ReasonNoRunner, task.ErrNoRunner},
	{task.ReasonQueueFull, task.ErrQueueFull},
	{task.ReasonNotReady, task.ErrNotReady},
	{task.ReasonShuttingDown, task.ErrClosed},
	{task.ReasonKeyReused, task.ErrKeyReused},
	{task.ReasonExpired, task.ErrExpired},
	{task.ReasonUnavailable, task.ErrUnavailable},
	{task.ReasonNoSpace, task.ErrNoSpace},
	{task.ReasonDeadline, context.DeadlineExceeded},
}

// statusError turns an answer into an error.
func statusError(code int, s *task.APIStatus) *StatusError {
	e := &StatusError{Code: code, Reason: s.Reason, Message: s.Message}
	if s.Details == nil {
		return e
	}
	for _, c := range s.Details.Causes {
		e.Causes = append(e.Causes, task.FieldError{Path: c.Field, Message: c.Message, Line: c.Line})
	}
	e.RetryAfter = time.Duration(s.Details.RetryAfterSeconds) * time.Second
	return e
}

// passing reports whether err may be gone when the host is asked again: no answer, or a host that
// starts or stops.
func passing(err error) bool {
	var s *StatusError
	if !errors.As(err, &s) {
		return true
	}
	return s.Reason == task.ReasonNotReady || s.Reason == task.ReasonShuttingDown ||
		s.Reason == task.ReasonUnavailable || s.Code == 429
}

// there reports whether err shows that a host is there, or was: it answered, or its connection broke.
func there(err error) bool {
	var s *StatusError
	return errors.As(err, &s) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}
