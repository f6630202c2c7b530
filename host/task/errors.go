package task

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// A FieldError says what is wrong with one field.
type FieldError struct {
	Path    string `json:"path"`           // such as spec.workload.spec.args[1]; empty means the whole document
	Message string `json:"message"`        // what is wrong, and what would be right
	Line    int    `json:"line,omitempty"` // of a document in YAML, from 1; 0 means not known
}

// Error returns line, path and message: "line 12: spec.slot: must not be empty".
func (e FieldError) Error() string {
	text := e.Message
	if e.Path != "" {
		text = e.Path + ": " + text
	}
	if e.Line > 0 {
		text = fmt.Sprintf("line %d: %s", e.Line, text)
	}
	return text
}

// FieldErrors are all problems of one document, in its order. A nil value means none.
type FieldErrors []FieldError

// Error returns all problems, one a line.
func (e FieldErrors) Error() string {
	lines := make([]string, len(e))
	for i, p := range e {
		lines[i] = p.Error()
	}
	return strings.Join(lines, "\n")
}

// Add appends a problem.
func (e *FieldErrors) Add(path, format string, args ...any) {
	*e = append(*e, FieldError{Path: path, Message: fmt.Sprintf(format, args...)})
}

// Err returns e as an error, or nil if there are no problems.
func (e FieldErrors) Err() error {
	if len(e) == 0 {
		return nil
	}
	return e
}

// Conditions that callers test with errors.Is.
var (
	ErrNotFound    = errors.New("not found")
	ErrExists      = errors.New("already exists")
	ErrConflict    = errors.New("the task has changed since it was read")
	ErrNoRunner    = errors.New("no runner accepts the task")
	ErrQueueFull   = errors.New("the queue is full")
	ErrNotReady    = errors.New("the host is not ready")
	ErrClosed      = errors.New("the host is shutting down")
	ErrKeyReused   = errors.New("the idempotency key was used with another request")
	ErrExpired     = errors.New("the continue token has expired")
	ErrUnavailable = errors.New("the store takes no writes")
)

// An Error is a refusal with a reason that programs can test: the error kinds of the runner
// contract, at the submitter.
type Error struct {
	Reason     Reason
	Message    string
	Violations FieldErrors
	Err        error // what it wraps; may be nil
}

// Error returns reason and message.
func (e *Error) Error() string {
	msg := e.Message
	if msg == "" && len(e.Violations) > 0 {
		msg = e.Violations.Error()
	}
	return string(e.Reason) + ": " + msg
}

// Unwrap returns what e wraps.
func (e *Error) Unwrap() error { return e.Err }

// Failure returns e as it is stored in a status.
func (e *Error) Failure() *Failure {
	return &Failure{Reason: e.Reason, Message: Truncate(e.Message), Violations: e.Violations}
}

// Truncate returns s as valid UTF-8 of at most MaxMessage bytes.
func Truncate(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if len(s) <= MaxMessage {
		return s
	}
	n := MaxMessage
	for !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// A StopError is the cause of an attempt's cancelled context: it says why the attempt is to end.
type StopError struct {
	Reason Reason // ReasonCanceled, ReasonDeleted, ReasonReplaced, ReasonShutdown or ReasonTimeout
}

// Error returns the reason.
func (e *StopError) Error() string { return "stopped: " + string(e.Reason) }

// Is makes a timeout answer to context.DeadlineExceeded, and everything else to context.Canceled.
func (e *StopError) Is(target error) bool {
	if e.Reason == ReasonTimeout {
		return target == context.DeadlineExceeded
	}
	return target == context.Canceled
}
