package policy

import "github.com/soltihq/solti-host/host/task"

// An Arrival says what becomes of a task that arrives at its slot.
type Arrival uint8

// The arrivals.
const (
	Start    Arrival = iota + 1 // it owns the slot from now on
	Enqueue                     // it waits behind all others
	TakeHead                    // it is next; the owner is asked to stop, a waiting head is superseded
	Reject                      // it is over: rejected, the slot is busy
	Full                        // it is refused and not stored: the slot's queue is full
)

// OnArrival decides about a newcomer with admission a, which may be empty. Busy says that the slot
// has an owner, queued how many wait for it (the owner is not among them), and limit how many may;
// a limit of 0 lets nobody wait under task.Queue.
//
//	               idle    busy
//	dropIfRunning  Start   Reject
//	queue          Start   Enqueue, or Full where queued >= limit
//	replace        Start   TakeHead, whatever the limit
func OnArrival(a task.Admission, busy bool, queued, limit int) Arrival {
	switch {
	case !busy:
		return Start
	case a == task.Replace:
		return TakeHead
	case a != task.Queue:
		return Reject
	case queued >= limit:
		return Full
	default:
		return Enqueue
	}
}
