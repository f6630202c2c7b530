package api

import (
	"context"
	"errors"
	"net/http"
	"syscall"

	"google.golang.org/grpc/codes"

	"github.com/soltihq/solti-host/host/task"
)

// A class is how one kind of failure is answered on every transport.
type class struct {
	is     error       // errors.Is; nil where reason decides
	reason task.Reason // in the answer; of a task.Error also what decides
	http   int
	grpc   codes.Code
	retry  int // seconds after which a repetition may succeed; 0 means that it will not
}

// classes is the one table of failures. The first row that fits counts.
var classes = [...]class{
	{task.ErrNotFound, task.ReasonNotFound, http.StatusNotFound, codes.NotFound, 0},
	{task.ErrExists, task.ReasonAlreadyExists, http.StatusConflict, codes.AlreadyExists, 0},
	{task.ErrConflict, task.ReasonConflict, http.StatusConflict, codes.Aborted, 0},
	{task.ErrKeyReused, task.ReasonKeyReused, http.StatusUnprocessableEntity, codes.FailedPrecondition, 0},
	{task.ErrExpired, task.ReasonExpired, http.StatusGone, codes.OutOfRange, 0},
	{task.ErrQueueFull, task.ReasonQueueFull, http.StatusTooManyRequests, codes.ResourceExhausted, 1},
	{task.ErrNoSpace, task.ReasonNoSpace, http.StatusInsufficientStorage, codes.ResourceExhausted, 30},
	{syscall.ENOSPC, task.ReasonNoSpace, http.StatusInsufficientStorage, codes.ResourceExhausted, 30},
	{syscall.EDQUOT, task.ReasonNoSpace, http.StatusInsufficientStorage, codes.ResourceExhausted, 30},
	{task.ErrNotReady, task.ReasonNotReady, http.StatusServiceUnavailable, codes.Unavailable, 1},
	{task.ErrClosed, task.ReasonShuttingDown, http.StatusServiceUnavailable, codes.Unavailable, 5},
	{task.ErrUnavailable, task.ReasonUnavailable, http.StatusServiceUnavailable, codes.Unavailable, 30},
	{task.ErrNoRunner, task.ReasonNoRunner, http.StatusUnprocessableEntity, codes.FailedPrecondition, 0},

	// The error kinds of the runner contract, as a *task.Error brings them.
	{nil, task.ReasonNoRunner, http.StatusUnprocessableEntity, codes.FailedPrecondition, 0},
	{nil, task.ReasonUnsupportedKind, http.StatusUnprocessableEntity, codes.InvalidArgument, 0},
	{nil, task.ReasonInvalidSpec, http.StatusUnprocessableEntity, codes.InvalidArgument, 0},
	{nil, task.ReasonMissingField, http.StatusUnprocessableEntity, codes.InvalidArgument, 0},
	{nil, task.ReasonIO, http.StatusInternalServerError, codes.Internal, 0},
	{nil, task.ReasonInternal, http.StatusInternalServerError, codes.Internal, 0},
	{nil, task.ReasonInvalid, http.StatusUnprocessableEntity, codes.InvalidArgument, 0},

	// Refusals of the API itself, as a *task.Error that this package makes.
	{nil, task.ReasonBadRequest, http.StatusBadRequest, codes.InvalidArgument, 0},
	{nil, task.ReasonUnauthorized, http.StatusUnauthorized, codes.Unauthenticated, 0},
	{nil, task.ReasonForbidden, http.StatusForbidden, codes.PermissionDenied, 0},
	{nil, task.ReasonNotFound, http.StatusNotFound, codes.NotFound, 0},
	{nil, task.ReasonMethodNotAllowed, http.StatusMethodNotAllowed, codes.Unimplemented, 0},
	{nil, task.ReasonTooLarge, http.StatusRequestEntityTooLarge, codes.ResourceExhausted, 0},
	{nil, task.ReasonMediaType, http.StatusUnsupportedMediaType, codes.InvalidArgument, 0},
	{nil, task.ReasonMisdirected, http.StatusMisdirectedRequest, codes.InvalidArgument, 0},
	{nil, task.ReasonDeadline, http.StatusGatewayTimeout, codes.DeadlineExceeded, 1},

	{context.DeadlineExceeded, task.ReasonDeadline, http.StatusGatewayTimeout, codes.DeadlineExceeded, 1},
	{context.Canceled, task.ReasonDeadline, http.StatusGatewayTimeout, codes.Canceled, 1},
}

// unknown is how everything else is answered. Its text goes to the log, not to the caller.
var unknown = class{nil, task.ReasonInternal, http.StatusInternalServerError, codes.Internal, 0}

// unknownMessage stands for the text of an error that is in no class.
const unknownMessage = "the host failed to answer; its log says why"

// classify returns how err is answered. Known is false for errors of no class.
func classify(err error) (c class, known bool) {
	reason := reasonOf(err)
	for _, c := range classes {
		if c.is != nil && errors.Is(err, c.is) || c.is == nil && c.reason == reason {
			return c, true
		}
	}
	return unknown, false
}

// reasonOf returns the reason that err itself states, or "".
func reasonOf(err error) task.Reason {
	var stated *task.Error
	if errors.As(err, &stated) {
		return stated.Reason
	}
	var fields task.FieldErrors
	var field task.FieldError
	if errors.As(err, &fields) || errors.As(err, &field) {
		return task.ReasonInvalid
	}
	return ""
}

// statusOf returns the answer to err, and whether err should be logged because the answer hides it.
func statusOf(err error) (s task.APIStatus, hidden bool) {
	c, known := classify(err)
	s = task.APIStatus{
		APIVersion: task.APIVersion, Kind: task.KindStatus, Status: task.StatusFailure,
		Code: c.http, Reason: c.reason, Message: messageOf(err, known),
	}
	causes := causesOf(err)
	if len(causes) > 0 || c.retry > 0 {
		s.Details = &task.StatusDetails{Causes: causes, RetryAfterSeconds: c.retry}
	}
	return s, !known
}

func messageOf(err error, known bool) string {
	if !known {
		return unknownMessage
	}
	var stated *task.Error
	if errors.As(err, &stated) && stated.Message != "" {
		return task.Truncate(stated.Message)
	}
	var located *locatedError
	if errors.As(err, &located) {
		return task.Truncate(located.fields.Error())
	}
	return task.Truncate(err.Error())
}

// maxCauses bounds the causes of one answer.
const maxCauses = 100

// causesOf returns the fields at fault.
func causesOf(err error) []task.StatusCause {
	fields := fieldsOf(err)
	if len(fields) > maxCauses {
		fields = fields[:maxCauses]
	}
	var causes []task.StatusCause
	for _, f := range fields {
		causes = append(causes, task.StatusCause{
			Field: f.Path, Message: task.Truncate(f.Message), Reason: task.ReasonInvalid, Line: f.Line,
		})
	}
	return causes
}

func fieldsOf(err error) task.FieldErrors {
	var located *locatedError
	if errors.As(err, &located) {
		return located.fields
	}
	var stated *task.Error
	if errors.As(err, &stated) && len(stated.Violations) > 0 {
		return stated.Violations
	}
	var fields task.FieldErrors
	if errors.As(err, &fields) {
		return fields
	}
	var field task.FieldError
	if errors.As(err, &field) {
		return task.FieldErrors{field}
	}
	return nil
}

// refuse returns a refusal of the API itself.
func refuse(reason task.Reason, message string) error {
	return &task.Error{Reason: reason, Message: message}
}

// badField returns the refusal of one parameter.
func badField(field, message string) error {
	return &task.Error{
		Reason: task.ReasonBadRequest, Message: field + ": " + message,
		Violations: task.FieldErrors{{Path: field, Message: message}},
	}
}
