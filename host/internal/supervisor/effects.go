package supervisor

import (
	"github.com/soltihq/solti-host/host/internal/event"
	"github.com/soltihq/solti-host/host/task"
)

// An effect is something for the world outside the machine to do.
// perform does it; err says that the step's records did not become durable.
type effect interface {
	perform(s *Supervisor, err error)
}

// build asks for a task to be made runnable.
type build struct {
	task  *task.Task
	token uint64
	doing *doing // set when the effect is decided, so that it can be given up before it is released
}

// launch asks for an attempt.
type launch struct {
	task  *task.Task
	run   *task.Run
	doing *doing // as of build
}

// interrupt asks what runs of a task to end.
type interrupt struct {
	uid    task.UID
	reason task.Reason
}

// abortBuild asks for a build to be given up.
type abortBuild struct{ uid task.UID }

// release lets go of what was built.
type release struct{ task *task.Task }

// reply answers a caller.
type reply struct {
	to     chan<- answer // with room for the answer
	answer answer
}

// An answer is what a caller is told once it is so.
type answer struct {
	task *task.Task
	key  *event.Key // of a repeated submission: what it was the first time, if task is nil
	gone bool       // of a deletion: the task is forgotten
	how  task.Applied
	err  error
}
