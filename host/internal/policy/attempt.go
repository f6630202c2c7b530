package policy

import (
	"fmt"
	"time"

	"github.com/soltihq/solti-host/host/task"
)

// An End says how an attempt ended.
type End uint8

// The ends.
const (
	Success    End = iota + 1
	Failure        // of the task itself; trying again may help
	TimedOut       // it took longer than its timeout
	Fatal          // the runner says that trying again never helps
	Panicked       // embedded code panicked
	Stopped        // somebody asked for the end; AfterAttempt does not take it
	LostPlugin     // the plugin failed under it
	LostHost       // the host failed under it
)

const (
	// MaxLosses is how often in a row a task is started again after its plugin failed.
	MaxLosses = 5
	// MaxLossWait bounds the wait after a loss.
	MaxLossWait = 30 * time.Second
)

// lossBackoff is the wait after losses to a plugin: it gives the plugin time to come back, and keeps
// its tasks from returning all at once.
var lossBackoff = task.Backoff{
	First:  task.Duration(500 * time.Millisecond),
	Max:    task.Duration(MaxLossWait),
	Factor: 2,
	Jitter: task.Full,
}

// Streaks count what happened in a row up to now. The zero value is that of a new task.
type Streaks struct {
	Failures int // failures, timeouts and panics
	Losses   int // losses to a plugin
}

// A Cause says what a task waits for between two attempts.
type Cause uint8

// The causes.
const (
	CauseInterval Cause = iota + 1 // the interval after a success
	CauseBackoff                   // the backoff after a failure
	CauseLoss                      // what follows a loss
)

// String returns the name of the cause.
func (c Cause) String() string {
	switch c {
	case CauseInterval:
		return "interval"
	case CauseBackoff:
		return "backoff"
	case CauseLoss:
		return "loss"
	default:
		return "none"
	}
}

// A Decision says what follows the end of an attempt: an outcome, or a wait and another attempt.
type Decision struct {
	Over bool // the task is over

	Outcome task.OutcomeKind // when over
	Reason  task.Reason      // when over
	Spent   bool             // when over: maxRetries was used up

	Wait  time.Duration // when not over: from the end of this attempt to the next
	Cause Cause         // when not over

	Streaks Streaks // after this end, always
}

// AfterAttempt decides what follows an attempt of a task with that spec, which must be valid, that
// ended so. S are the streaks before it, u is uniform in [0, 1). The package's documentation has the
// table.
//
// It must not be asked about Stopped or an unknown end, and panics then.
func AfterAttempt(spec *task.Spec, end End, s Streaks, u float64) Decision {
	switch end {
	case Success:
		return afterSuccess(spec)
	case Fatal:
		s = Streaks{Failures: s.Failures + 1}
		return over(task.OutcomeFatal, task.ReasonPermanent, s)
	case Failure, TimedOut, Panicked:
		return afterFailure(spec, end, Streaks{Failures: s.Failures + 1}, u)
	case LostPlugin:
		s.Losses++
		return afterPluginLoss(spec, s, u)
	case LostHost:
		if never(spec) {
			return over(task.OutcomeLost, task.ReasonHostLost, s)
		}
		return Decision{Cause: CauseLoss, Streaks: s}
	default:
		panic(fmt.Sprintf("policy: no decision about end %d", end))
	}
}

func afterSuccess(spec *task.Spec) Decision {
	if spec.Restart.Policy != task.Always {
		return over(task.OutcomeCompleted, task.ReasonSucceeded, Streaks{})
	}
	return Decision{Wait: max(spec.Restart.Interval.D(), 0), Cause: CauseInterval}
}

// afterFailure decides with s already counting this failure.
func afterFailure(spec *task.Spec, end End, s Streaks, u float64) Decision {
	kind, reason := task.OutcomeFailed, task.ReasonFailed
	switch end {
	case TimedOut:
		reason = task.ReasonTimeout
	case Panicked:
		kind, reason = task.OutcomePanicked, task.ReasonPanicked
	}
	if never(spec) {
		return over(kind, reason, s)
	}
	if spec.MaxRetries != nil && s.Failures > *spec.MaxRetries {
		d := over(kind, task.ReasonRetriesSpent, s)
		d.Spent = true
		return d
	}
	wait := Wait(spec.Backoff.Defaulted(), s.Failures-1, u)
	return Decision{Wait: wait, Cause: CauseBackoff, Streaks: s}
}

// afterPluginLoss decides with s already counting this loss.
func afterPluginLoss(spec *task.Spec, s Streaks, u float64) Decision {
	if never(spec) || s.Losses > MaxLosses {
		return over(task.OutcomeLost, task.ReasonPluginLost, s)
	}
	return Decision{Wait: Wait(lossBackoff, s.Losses-1, u), Cause: CauseLoss, Streaks: s}
}

// never reports whether a task has one attempt; an empty policy means that.
func never(spec *task.Spec) bool {
	return spec.Restart.Policy != task.OnFailure && spec.Restart.Policy != task.Always
}

func over(kind task.OutcomeKind, reason task.Reason, s Streaks) Decision {
	return Decision{Over: true, Outcome: kind, Reason: reason, Streaks: s}
}
