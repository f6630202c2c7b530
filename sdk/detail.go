package sdk

import (
	"context"
	"errors"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	pluginv1 "github.com/soltihq/solti-host/shared/proto/solti/plugin/v1"
	taskv1 "github.com/soltihq/solti-host/shared/proto/solti/task/v1"
)

const (
	maxViolations = 100
	maxStatusText = 8 << 10 // a status travels in headers
)

// toStatus turns any error into a gRPC status error with an ErrorDetail. Paths of violations count
// from the task's root.
func toStatus(err error) error { return statusWith(err, fullPath) }

// toSettingsStatus does the same for an error about the operator's settings, whose paths count from
// the settings' root.
func toSettingsStatus(err error) error {
	return statusWith(err, func(path string) string { return path })
}

func statusWith(err error, path func(string) string) error {
	if err == nil {
		return nil
	}
	code, detail := describe(err)
	text := err.Error()
	if v := violationsIn(err); len(v) > 0 {
		detail.Violations = wireViolations(v, path)
		text = v.text(path)
	}
	st, wrapErr := status.New(code, clip(text, maxStatusText)).WithDetails(detail)
	if wrapErr != nil {
		return status.Error(code, clip(text, maxStatusText))
	}
	return st.Err()
}

// describe finds out what an error is about.
func describe(err error) (codes.Code, *pluginv1.ErrorDetail) {
	if r := (*refusal)(nil); errors.As(err, &r) {
		d := &pluginv1.ErrorDetail{Reason: r.reason, Retryable: r.retryable, Help: r.help}
		if r.retryAfter > 0 {
			d.RetryAfter = durationpb.New(r.retryAfter)
		}
		if len(violationsIn(err)) > 1 {
			d.Reason = pluginv1.Reason_REASON_INVALID_SPEC // several, perhaps of more than one sort
		}
		return r.code, d
	}
	if v := (Violations)(nil); errors.As(err, &v) {
		return codes.InvalidArgument, &pluginv1.ErrorDetail{Reason: pluginv1.Reason_REASON_INVALID_SPEC}
	}
	// A host that has given up does not read this. One that has not learns that the runner gave up on
	// something of its own.
	waited := &pluginv1.ErrorDetail{Reason: pluginv1.Reason_REASON_IO, Retryable: true}
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return codes.DeadlineExceeded, waited
	case errors.Is(err, context.Canceled):
		return codes.Canceled, waited
	default:
		return codes.Internal, &pluginv1.ErrorDetail{
			Reason: pluginv1.Reason_REASON_INTERNAL, Help: "the plugin's log may tell more",
		}
	}
}

// violationsIn collects the violations of everything that err wraps or joins.
func violationsIn(err error) Violations {
	switch e := err.(type) { //nolint:errorlint // each layer is looked at by itself
	case nil:
		return nil
	case Violations:
		return e
	case *refusal:
		return e.violations
	case interface{ Unwrap() []error }:
		var all Violations
		for _, one := range e.Unwrap() {
			all = append(all, violationsIn(one)...)
		}
		return all
	case interface{ Unwrap() error }:
		return violationsIn(e.Unwrap())
	default:
		return nil
	}
}

func wireViolations(v Violations, path func(string) string) []*taskv1.FieldViolation {
	wire := make([]*taskv1.FieldViolation, 0, min(len(v), maxViolations))
	for _, one := range v[:min(len(v), maxViolations)] {
		wire = append(wire, &taskv1.FieldViolation{
			Path: clip(path(one.Path), 512), Message: clip(one.Message, 1<<10),
		})
	}
	return wire
}
