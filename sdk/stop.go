package sdk

import (
	"context"

	pluginv1 "github.com/soltihq/solti-host/shared/proto/solti/plugin/v1"
)

// A StopReason says why an attempt is to end.
type StopReason int

// The reasons.
const (
	StopUnknown  StopReason = iota // not told
	StopCanceled                   // a caller canceled the task
	StopTimeout                    // the attempt took longer than its timeout
	StopReplaced                   // another task takes the slot, or a new generation of this one
	StopShutdown                   // the host, or this plugin, stops in an orderly way
	StopHostLost                   // the host is gone
)

// String names the reason as it appears in logs.
func (r StopReason) String() string {
	switch r {
	case StopCanceled:
		return "canceled"
	case StopTimeout:
		return "timeout"
	case StopReplaced:
		return "replaced"
	case StopShutdown:
		return "shutdown"
	case StopHostLost:
		return "host lost"
	default:
		return "unknown"
	}
}

// A StopError is the cause of a canceled Run context. It answers [errors.Is] with
// [context.DeadlineExceeded] after a timeout and with [context.Canceled] otherwise.
type StopError struct {
	Reason StopReason
}

func (e *StopError) Error() string { return "stopped: " + e.Reason.String() }

// Unwrap makes a StopError test like the error of an ended context.
func (e *StopError) Unwrap() error {
	if e.Reason == StopTimeout {
		return context.DeadlineExceeded
	}
	return context.Canceled
}

func stopReasonOf(r pluginv1.StopReason) StopReason {
	switch r {
	case pluginv1.StopReason_STOP_REASON_CANCEL:
		return StopCanceled
	case pluginv1.StopReason_STOP_REASON_TIMEOUT:
		return StopTimeout
	case pluginv1.StopReason_STOP_REASON_REPLACED:
		return StopReplaced
	case pluginv1.StopReason_STOP_REASON_SHUTDOWN:
		return StopShutdown
	default:
		return StopUnknown
	}
}
