package supervisor

import (
	"context"
	"errors"
	"time"

	"github.com/soltihq/solti-host/host/internal/event"
	"github.com/soltihq/solti-host/host/internal/policy"
	"github.com/soltihq/solti-host/host/task"
)

// A Journal makes records durable.
type Journal interface {
	// Append queues a unit of records and returns at once. Units become durable whole and in the
	// order of the calls; done is then called, in the same order, from one goroutine. Its error
	// says that the journal takes nothing any more.
	Append(unit []event.Record, done func(error))
}

// An Index knows the tasks that are over, as the journal has them.
type Index interface {
	// Lookup returns the uid of the finished task of that name.
	Lookup(name task.Name) (uid task.UID, ok bool)
	// Version returns the resource version of a finished task, or "" if there is none of that uid.
	Version(uid task.UID) string
}

// An Executor does the work. Its methods are called from many goroutines, but never twice at a time
// for one task.
type Executor interface {
	// Build makes a task runnable and returns the runner that has it: t.Status.Runner if that is
	// set. A [*task.Error] is final. [ErrDown] says to ask again when runners have changed, and a
	// [*LaterError] when its time has passed.
	Build(ctx context.Context, t *task.Task) (runner string, err error)
	// Run makes one attempt and returns when nothing of it is left. When ctx ends it stops the
	// attempt; the context's cause is a [*task.StopError].
	Run(ctx context.Context, a Attempt) Result
	// Room returns how many attempts a runner makes at one time. 0 means any number, and a negative
	// number that it is not ready. It does not wait.
	Room(runner string) int
	// Release lets go of what Build made for a generation of a task, or would have made. It does not
	// wait, and is called before the end of the task can be seen.
	Release(t *task.Task)
}

// A LaterError says that a build may succeed if it is asked for again after a while, although the
// runner is there.
type LaterError struct {
	After time.Duration // above 0
	Err   error         // why
}

// Error returns why.
func (e *LaterError) Error() string { return e.Err.Error() }

// Unwrap returns why.
func (e *LaterError) Unwrap() error { return e.Err }

// ErrDown says that the runner of a task, or every runner that may take it, is not ready now.
var ErrDown = errors.New("the runner is not ready")

// An Attempt is what an Executor runs.
type Attempt struct {
	Task    *task.Task
	Run     *task.Run
	Started func() // to be called when the work has begun: the timeout runs from here
	// Facts are kept with the run. It is to be called at most once, by the goroutine that called Run, with what is
	// not changed any more.
	Facts func(map[string]string)
}

// A Result says how an attempt ended.
type Result struct {
	End       policy.End
	Failure   *task.Failure // nil after a success
	ExitCode  *int
	Signal    string
	Stdout    int64 // bytes written, kept or not
	Stderr    int64
	Dropped   int64
	OutputRef []byte
	// RetryAfter, if above zero, says that nothing was started because the runner had no room: the
	// attempt counts for nothing and is made again after this time.
	RetryAfter time.Duration
	// Down says that nothing was started because the runner was not ready: the attempt counts for
	// nothing and is made again when runners have changed.
	Down bool
}
