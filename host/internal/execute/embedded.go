package execute

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"sync"
	"time"

	"github.com/soltihq/solti-host/host/internal/output"
	"github.com/soltihq/solti-host/host/internal/policy"
	"github.com/soltihq/solti-host/host/internal/supervisor"
	"github.com/soltihq/solti-host/host/task"
)

// EmbeddedRunner is the runner that tasks have whose code is part of the host process.
const EmbeddedRunner = "embedded"

// A Func is the code of an embedded task. It returns when ctx ends, whose cause is a
// [*task.StopError]. An error wrapped with [Permanent] ends the task whatever its restart policy.
type Func func(ctx context.Context, run Embedded) error

// An Embedded is one attempt of an embedded task.
type Embedded struct {
	Task    *task.Task
	Attempt int
	RunID   task.RunID
	Stdout  io.Writer
	Stderr  io.Writer
}

// ErrPermanent is wrapped by errors of embedded code that no retry can mend.
var ErrPermanent = errors.New("permanent failure")

// embedded holds the code of embedded tasks by the names under which they are submitted.
type embedded struct {
	mu    sync.Mutex
	funcs map[task.Name]Func // guarded by mu
}

// Embed makes f the code of the embedded task of that name, from its next build on. It reports false,
// and changes nothing, while another task of that name has code.
func (x *Executor) Embed(name task.Name, f Func) bool {
	e := &x.embedded
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.funcs[name] != nil {
		return false
	}
	if e.funcs == nil {
		e.funcs = map[task.Name]Func{}
	}
	e.funcs[name] = f
	return true
}

// Unembed takes back what Embed did.
func (x *Executor) Unembed(name task.Name) {
	x.embedded.mu.Lock()
	defer x.embedded.mu.Unlock()
	delete(x.embedded.funcs, name)
}

func (e *embedded) code(name task.Name) Func {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.funcs[name]
}

func (e *embedded) build(t *task.Task) (string, error) {
	if e.code(t.Metadata.Name) == nil {
		return "", &task.Error{Reason: task.ReasonNoRunner, Message: "the host has no code for this embedded task", Err: task.ErrNoRunner}
	}
	return EmbeddedRunner, nil
}

func (e *embedded) release(t *task.Task) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.funcs, t.Metadata.Name)
}

func (e *embedded) run(ctx context.Context, a supervisor.Attempt, w *output.Writer) supervisor.Result {
	f := e.code(a.Task.Metadata.Name)
	if f == nil {
		return failed(policy.Fatal, task.ReasonNoRunner, "the host has no code for this embedded task")
	}
	a.Started()
	var mu sync.Mutex
	run := Embedded{
		Task: a.Task, Attempt: a.Run.Attempt, RunID: a.Run.RunID,
		Stdout: &stream{mu: &mu, to: w, stream: task.Stdout}, Stderr: &stream{mu: &mu, to: w, stream: task.Stderr},
	}
	err, panicked := call(ctx, f, run)
	switch {
	case panicked:
		return failed(policy.Panicked, task.ReasonPanic, err.Error())
	case ctx.Err() != nil && err == nil: // it was asked to end, and did
		return supervisor.Result{End: policy.Stopped}
	case ctx.Err() != nil:
		return failed(policy.Stopped, task.ReasonCanceled, err.Error())
	case err == nil:
		return supervisor.Result{End: policy.Success}
	case errors.Is(err, ErrPermanent):
		return failed(policy.Fatal, task.ReasonPermanent, err.Error())
	default:
		return failed(policy.Failure, task.ReasonFailed, err.Error())
	}
}

// call runs f and turns a panic into an error with the place where it happened. The code has a
// goroutine of its own, so that one which ends it with runtime.Goexit ends nothing else.
func call(ctx context.Context, f Func, run Embedded) (err error, panicked bool) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		err, panicked = errGoexit, true
		defer func() {
			if p := recover(); p != nil {
				err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
			}
		}()
		err, panicked = f(ctx, run), false
	}()
	<-done
	return err, panicked
}

var errGoexit = errors.New("the code ended its goroutine with runtime.Goexit")

// A stream is one output stream of an embedded attempt.
type stream struct {
	mu     *sync.Mutex // of both streams, so that their order is kept
	to     *output.Writer
	stream task.Stream
	offset int64 // guarded by mu
}

// Write implements io.Writer. It never fails.
func (s *stream) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.to.Write(s.stream, s.offset, p, time.Now())
	s.offset += int64(len(p))
	return len(p), nil
}
