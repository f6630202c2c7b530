package event

import (
	"time"

	"github.com/soltihq/solti-host/host/task"
)

// An Event tells the curious what happened. It is derived from a record, or says that events were
// missed.
type Event struct {
	Seq     uint64 // counts the events of a bus from 1; a subscriber that missed some sees the step
	At      time.Time
	Type    Type
	Task    task.Name
	UID     task.UID
	Slot    task.Slot
	Attempt int
	RunID   task.RunID
	Phase   task.Phase       // of the task, after it
	Outcome task.OutcomeKind // of Finished events
	Reason  task.Reason      // of failures, stops and outcomes
	Delay   time.Duration    // of BackoffScheduled
	Dropped uint64           // of Overflow: how many events were missed
}

// A Type says what an event is about.
type Type string

// The types of events.
const (
	TaskAccepted     Type = "task_accepted"
	TaskUpdated      Type = "task_updated"
	TaskStopping     Type = "task_stopping"
	AttemptStarting  Type = "attempt_starting"
	AttemptSucceeded Type = "attempt_succeeded"
	AttemptFailed    Type = "attempt_failed"
	AttemptTimedOut  Type = "attempt_timed_out"
	AttemptCanceled  Type = "attempt_canceled"
	AttemptLost      Type = "attempt_lost"
	BackoffScheduled Type = "backoff_scheduled"
	TaskFinished     Type = "task_finished" // exactly once for each task that ends
	TaskRemoved      Type = "task_removed"
	Overflow         Type = "subscriber_overflow"
)

// Events returns what a record tells, in order. Seq is left to the bus.
func (r Record) Events() []Event {
	e := Event{
		At: r.At, Task: r.Task.Metadata.Name, UID: r.Task.Metadata.UID, Slot: r.Task.Spec.Slot,
		Attempt: r.Task.Status.Attempt, RunID: r.Task.Status.RunID, Phase: r.Task.Status.Phase,
	}
	var out []Event
	add := func(t Type) *Event {
		e.Type = t
		out = append(out, e)
		return &out[len(out)-1]
	}
	switch r.Kind {
	case Accepted:
		add(TaskAccepted)
	case Updated:
		add(TaskUpdated)
	case Stopping:
		add(TaskStopping).Reason = r.Book.Stop
	case Started:
		add(AttemptStarting)
	case Ended:
		a := add(attemptEnds[r.Run.Phase])
		if r.Run.Error != nil {
			a.Reason = r.Run.Error.Reason
		}
		if at := r.Task.Status.NextAt; !at.IsZero() {
			add(BackoffScheduled).Delay = at.Sub(r.At)
		}
	case Removed:
		add(TaskRemoved)
	}
	if o := r.Task.Status.Outcome; o != nil && r.Kind != Removed && r.Kind != Pruned && r.Kind != Updated && r.Kind != Noted {
		f := add(TaskFinished)
		f.Outcome, f.Reason = o.Kind, o.Reason
	}
	return out
}

var attemptEnds = map[task.Phase]Type{
	task.Succeeded: AttemptSucceeded, task.Failed: AttemptFailed, task.Timeout: AttemptTimedOut,
	task.Canceled: AttemptCanceled, task.LostRun: AttemptLost,
}
