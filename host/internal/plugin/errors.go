package plugin

import (
	"errors"
	"fmt"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/soltihq/solti-host/host/task"
	pluginv1 "github.com/soltihq/solti-host/shared/proto/solti/plugin/v1"
	taskv1 "github.com/soltihq/solti-host/shared/proto/solti/task/v1"
)

// ErrDown says that the plugin is not ready and that nothing was started.
var ErrDown = errors.New("the plugin is not ready")

// A LostError says that an attempt ended because its plugin failed. Nothing of the attempt is alive.
type LostError struct {
	Cause string // why, for people
}

// Error returns the cause.
func (e *LostError) Error() string { return "the run was lost: " + e.Cause }

// A CapacityError says that the plugin takes no more work for now. Nothing was started, and it is no
// failure of the task.
type CapacityError struct {
	RetryAfter time.Duration // above 0
	Message    string
}

// Error returns the message.
func (e *CapacityError) Error() string {
	return fmt.Sprintf("the plugin takes no more work for %s: %s", e.RetryAfter, e.Message)
}

// Bounds of what an error of a plugin may carry.
const (
	maxViolations = 100
	maxPath       = 512
	maxViolation  = 4 << 10
)

// Waits where the plugin does not name one.
const (
	capacityRetry = time.Second
	backendRetry  = 5 * time.Second
	maxRetryAfter = time.Hour
)

// refusal returns what a plugin's error says: a *task.Error, a *CapacityError or an error wrapping
// ErrDown. It returns nil if the error is not an answer of the plugin, or does not tell that nothing
// was started.
func refusal(err error) error {
	st, ok := status.FromError(err)
	if !ok {
		return nil
	}
	if d := detailOf(st); d != nil {
		return typedRefusal(st, d)
	}
	reason, ok := map[codes.Code]task.Reason{
		codes.InvalidArgument:    task.ReasonInvalidSpec,
		codes.FailedPrecondition: task.ReasonInternal,
		codes.NotFound:           task.ReasonInternal,
		codes.AlreadyExists:      task.ReasonInternal,
		codes.PermissionDenied:   task.ReasonIO,
		codes.Unimplemented:      task.ReasonInternal,
	}[st.Code()]
	if !ok {
		return nil
	}
	return &task.Error{Reason: reason, Message: task.Truncate(st.Message())}
}

func detailOf(st *status.Status) *pluginv1.ErrorDetail {
	for _, d := range st.Details() {
		if d, ok := d.(*pluginv1.ErrorDetail); ok && d.Reason != pluginv1.Reason_REASON_UNSPECIFIED {
			return d
		}
	}
	return nil
}

func typedRefusal(st *status.Status, d *pluginv1.ErrorDetail) error {
	message := task.Truncate(st.Message())
	switch d.Reason {
	case pluginv1.Reason_REASON_CAPACITY:
		return &CapacityError{RetryAfter: retryAfter(d, capacityRetry), Message: message}
	case pluginv1.Reason_REASON_BACKEND_DOWN:
		return &CapacityError{RetryAfter: retryAfter(d, backendRetry), Message: message}
	case pluginv1.Reason_REASON_NOT_READY:
		return fmt.Errorf("%w: %s", ErrDown, message)
	}
	if d.Retryable {
		return &CapacityError{RetryAfter: retryAfter(d, backendRetry), Message: message}
	}
	if d.Help != "" {
		message = task.Truncate(message + "; " + d.Help)
	}
	return &task.Error{Reason: reasonOf(d.Reason), Message: message, Violations: violationsOf(d.Violations)}
}

func reasonOf(r pluginv1.Reason) task.Reason {
	switch r {
	case pluginv1.Reason_REASON_UNSUPPORTED_KIND:
		return task.ReasonUnsupportedKind
	case pluginv1.Reason_REASON_INVALID_SPEC:
		return task.ReasonInvalidSpec
	case pluginv1.Reason_REASON_MISSING_FIELD:
		return task.ReasonMissingField
	case pluginv1.Reason_REASON_IO:
		return task.ReasonIO
	default:
		return task.ReasonInternal
	}
}

func violationsOf(all []*taskv1.FieldViolation) task.FieldErrors {
	var errs task.FieldErrors
	for _, v := range all[:min(len(all), maxViolations)] {
		errs = append(errs, task.FieldError{Path: bound(v.GetPath(), maxPath), Message: bound(v.GetMessage(), maxViolation)})
	}
	return errs
}

func retryAfter(d *pluginv1.ErrorDetail, otherwise time.Duration) time.Duration {
	if d.RetryAfter == nil || d.RetryAfter.CheckValid() != nil {
		return otherwise
	}
	return min(max(d.RetryAfter.AsDuration(), 10*time.Millisecond), maxRetryAfter)
}

// bound returns at most n bytes of s, cut between two characters.
func bound(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && s[n]&0xc0 == 0x80 {
		n--
	}
	return s[:n]
}
