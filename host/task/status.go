package task

import "time"

// A Status is what the host knows of a task.
type Status struct {
	ObservedGeneration int64     `json:"observedGeneration,omitempty"`
	Phase              Phase     `json:"phase,omitempty"`
	Attempt            int       `json:"attempt,omitempty"` // number of the last attempt; 0 means that none has started
	Runner             string    `json:"runner,omitempty"`  // the runner that has the task, for its life
	RunID              RunID     `json:"runId,omitempty"`   // of the last attempt
	ExitCode           *int      `json:"exitCode,omitempty"`
	Signal             string    `json:"signal,omitempty"`  // that ended the last attempt, such as SIGKILL
	Error              *Failure  `json:"error,omitempty"`   // why the last attempt, or the build, failed
	NextAt             time.Time `json:"nextAt,omitzero"`   // of the next attempt, while the task waits for it
	Waiting            string    `json:"waiting,omitempty"` // what the task waited for when it last changed: slot, permit, runner, backoff, interval, loss or capacity
	Outcome            *Outcome  `json:"outcome,omitempty"` // only when the task is over
}

// Done reports whether the task is over.
func (s Status) Done() bool { return s.Outcome != nil }

// A Phase says where a task stands. Only [Status.Outcome] says that it is over: a task between two
// attempts is in the phase of the last one.
type Phase string

// The phases of tasks. Runs have, beside Running, Succeeded, Failed, Timeout and Canceled, LostRun.
const (
	Pending   Phase = "pending"
	Running   Phase = "running"
	Succeeded Phase = "succeeded"
	Failed    Phase = "failed"
	Timeout   Phase = "timeout"
	Canceled  Phase = "canceled"
	Exhausted Phase = "exhausted"

	// LostRun is the phase of a run that ended because its plugin or the host did, not by itself.
	LostRun Phase = "lost"
)

// Phases lists the phases of tasks in the order of a task's life.
var Phases = []Phase{Pending, Running, Succeeded, Failed, Timeout, Canceled, Exhausted}

// An Outcome is the one final result of a task.
type Outcome struct {
	Kind       OutcomeKind `json:"kind"`
	Reason     Reason      `json:"reason"`
	Message    string      `json:"message,omitempty"`
	FinishedAt time.Time   `json:"finishedAt"`
}

// An OutcomeKind names a kind of end.
type OutcomeKind string

// The kinds of end.
const (
	OutcomeCompleted    OutcomeKind = "completed"    // the last attempt succeeded and no further one is due
	OutcomeFailed       OutcomeKind = "failed"       // the last attempt failed and the policy allows no further one
	OutcomeFatal        OutcomeKind = "fatal"        // a failure that no retry can mend
	OutcomeCanceled     OutcomeKind = "canceled"     // by a caller, a replacement or a shutdown
	OutcomeForceAborted OutcomeKind = "forceAborted" // canceled, and what ran was abandoned after the grace
	OutcomePanicked     OutcomeKind = "panicked"     // embedded code panicked and no further attempt is due
	OutcomeRejected     OutcomeKind = "rejected"     // never started: admission or routing refused it
	OutcomeLost         OutcomeKind = "lost"         // the plugin or the host failed, and no further attempt is due
)

// OutcomeKinds lists all kinds of end.
var OutcomeKinds = []OutcomeKind{
	OutcomeCompleted, OutcomeFailed, OutcomeFatal, OutcomeCanceled,
	OutcomeForceAborted, OutcomePanicked, OutcomeRejected, OutcomeLost,
}

// Phase returns the phase of a task that ended so. Spent says that a retry budget was used up.
func (k OutcomeKind) Phase(spent bool) Phase {
	switch {
	case k == OutcomeCompleted:
		return Succeeded
	case k == OutcomeCanceled || k == OutcomeForceAborted:
		return Canceled
	case k == OutcomeFailed && spent:
		return Exhausted
	default:
		return Failed
	}
}

// A Reason is a word from a closed list that says why: of an outcome, of a failure, of a refusal.
type Reason string

// Reasons of outcomes.
const (
	ReasonSucceeded     Reason = "succeeded"     // completed
	ReasonFailed        Reason = "failed"        // failed: restart is never
	ReasonTimeout       Reason = "timeout"       // failed: restart is never and the attempt timed out
	ReasonRetriesSpent  Reason = "retriesSpent"  // failed or panicked, after the last of MaxRetries
	ReasonPermanent     Reason = "permanent"     // fatal: the runner says that no retry helps
	ReasonCanceled      Reason = "canceled"      // canceled by a caller
	ReasonDeleted       Reason = "deleted"       // canceled by a deletion
	ReasonReplaced      Reason = "replaced"      // canceled: another task took the slot
	ReasonShutdown      Reason = "shutdown"      // canceled: the host stopped (embedded tasks)
	ReasonGraceExceeded Reason = "graceExceeded" // forceAborted
	ReasonPanicked      Reason = "panicked"      // panicked
	ReasonSlotBusy      Reason = "slotBusy"      // rejected
	ReasonSuperseded    Reason = "superseded"    // rejected: a later replacement overtook it
	ReasonRemoved       Reason = "removed"       // rejected: canceled while it was queued
	ReasonPluginLost    Reason = "pluginLost"    // lost: the plugin failed
	ReasonHostLost      Reason = "hostLost"      // lost: the host failed
)

// Reasons of failures: the error kinds of the runner contract.
const (
	ReasonNoRunner        Reason = "NoRunner"
	ReasonUnsupportedKind Reason = "UnsupportedKind"
	ReasonInvalidSpec     Reason = "InvalidSpec"
	ReasonMissingField    Reason = "MissingField"
	ReasonInternal        Reason = "Internal"
	ReasonIO              Reason = "Io"
)

// Further reasons of failed attempts.
const (
	ReasonExit        Reason = "Exit"        // the work ended with an exit code other than 0
	ReasonSignal      Reason = "Signal"      // a signal ended the work
	ReasonOOM         Reason = "OutOfMemory" // killed for using too much memory
	ReasonStartFailed Reason = "StartFailed" // the work could not be started
	ReasonTimedOut    Reason = "Timeout"     // the attempt took longer than its timeout
	ReasonLost        Reason = "Lost"        // the plugin or the host failed
	ReasonPanic       Reason = "Panic"       // code of the runner, or an embedded task, panicked
)

// MaxMessage bounds the message of a Failure and of an Outcome, in bytes.
const MaxMessage = 32 << 10

// A Failure is an error with a reason that programs can test.
type Failure struct {
	Reason     Reason       `json:"reason"`
	Message    string       `json:"message,omitempty"` // at most MaxMessage bytes of UTF-8
	Violations []FieldError `json:"violations,omitempty"`
}

// A Run is one attempt of a task.
type Run struct {
	Attempt     int       `json:"attempt"` // from 1, running on over generations
	Generation  int64     `json:"generation"`
	RunID       RunID     `json:"runId"`
	Runner      string    `json:"runner"`
	Workload    string    `json:"workload"` // its kind, as Kind.String gives it
	Phase       Phase     `json:"phase"`
	StartedAt   time.Time `json:"startedAt"`
	FinishedAt  time.Time `json:"finishedAt,omitzero"`
	ExitCode    *int      `json:"exitCode,omitempty"`
	Signal      string    `json:"signal,omitempty"`
	Error       *Failure  `json:"error,omitempty"`
	StdoutBytes int64     `json:"stdoutBytes"` // written, kept or not
	StderrBytes int64     `json:"stderrBytes"`
	Dropped     int64     `json:"droppedBytes,omitempty"` // written but not kept
	OutputRef   []byte    `json:"-"`                      // where the output store keeps it; opaque

	// Facts are what the runner told when the run began, such as what it was granted. At most 32.
	Facts map[string]string `json:"facts,omitempty"`
}

// Active reports whether the run has not ended.
func (r Run) Active() bool { return r.FinishedAt.IsZero() }
