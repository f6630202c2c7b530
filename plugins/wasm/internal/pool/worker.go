package pool

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/soltihq/solti-host/plugins/wasm/internal/spawn"
	"github.com/soltihq/solti-host/plugins/wasm/internal/wire"
)

// reap is how long a dead worker may take to leave the process table before that is an error, and farewell how
// long one may take to die that has closed its socket, before it is killed.
const (
	reap     = 10 * time.Second
	farewell = time.Second
)

// A Worker is a process that has loaded a module.
type Worker struct {
	Ready wire.Ready // what it said of itself

	key    string // of its image
	lease  string // who alone may use it again; empty before the first use
	parent *wire.Parent
	proc   *spawn.Process
	cost   int64 // bytes of memory that it takes while it waits, when it was last weighed
	jobs   int
	since  time.Time // idle since

	crew     *crew
	finished time.Time // when the last job was over

	closing sync.Once
	killed  atomic.Bool
	kill    atomic.Int64 // when Kill was called first, in nanoseconds after 1970; zero means never
}

// start starts a worker and has it load what load says. Below temp is where it puts what it needs for that,
// which is removed here: a worker that is killed meanwhile cannot.
func start(ctx context.Context, s *spawn.Spawner, crew *crew, key, temp string, load wire.Load) (*Worker, error) {
	parent, child, err := wire.NewParent()
	if err != nil {
		return nil, fmt.Errorf("start a worker: %w", err)
	}
	own, err := os.MkdirTemp(temp, "worker-")
	if err != nil {
		_ = child.Close()
		return nil, errors.Join(fmt.Errorf("start a worker: %w", err), parent.Close())
	}
	defer func() { _ = os.RemoveAll(own) }()
	begun := time.Now()
	proc, err := s.Start(&spawn.Command{
		Args: []string{wire.Mode}, Name: "solti-wasm-worker", Files: []*os.File{child},
		Env:    []string{"GOMAXPROCS=1", "GOTRACEBACK=single", "TMPDIR=" + own},
		Limits: []spawn.Limit{{Resource: unix.RLIMIT_CORE, Max: 0}},
	})
	_ = child.Close()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start a worker: %w", err), parent.Close())
	}
	w := &Worker{key: key, parent: parent, proc: proc, crew: crew}
	crew.joined(w, time.Since(begun))
	begun = time.Now()
	w.Ready, err = parent.Load(ctx, load)
	if err == nil && ctx.Err() != nil { // and the way to the worker is set to fail, or will be in a moment
		err = context.Cause(ctx)
	}
	if err != nil {
		exit, reaped := w.endAfter(err)
		if errors.Is(err, wire.ErrGone) && reaped {
			err = &CrashError{Exit: exit}
		}
		return nil, err
	}
	crew.WorkerLoaded(w.Ready, time.Since(begun))
	return w, nil
}

// weigh finds out what the worker costs, which takes longer than an attempt may: it is asked again only
// when the worker has served twice as many as the last time.
func (w *Worker) weigh() {
	if w.jobs&(w.jobs-1) == 0 {
		w.cost = proportional(w.proc.PID())
	}
}

// ended reports whether the process is gone.
func (w *Worker) ended() bool {
	select {
	case <-w.proc.Done():
		return true
	default:
		return false
	}
}

// PID is the number of the worker's process.
func (w *Worker) PID() int { return w.proc.PID() }

// Kill ends the worker at once, whatever it does. It does not wait.
func (w *Worker) Kill() {
	w.kill.CompareAndSwap(0, time.Now().UnixNano())
	w.killed.Store(true)
	w.proc.Kill()
	w.parent.Hurry()
}

// Run has the worker run a guest to its end, and tells how that was and what the guest used. When the job
// is its last or Run returns an error, the worker's process is gone: the error is a *[CrashError] with how
// it ended, or wraps wire.ErrOutputLimit or wire.ErrProtocol.
func (w *Worker) Run(job wire.Job, out wire.Outlet, limit wire.Limit) (wire.Status, wire.Usage, error) {
	w.jobs++
	status, err := w.parent.Run(job, out, limit)
	w.finished = time.Now()
	usage := w.parent.Usage() // before the memory is gone that it is read from
	if err == nil && !job.Last {
		return status, usage, nil
	}
	exit, reaped := w.endAfter(err) // also if it was the last: it has nothing left to do
	if usage.CPU == 0 && w.jobs == 1 && reaped {
		usage.CPU = exit.CPU()
	}
	switch {
	case !reaped:
		err = fmt.Errorf("worker %d does not end, although it was killed", w.proc.PID())
	case errors.Is(err, wire.ErrGone):
		err = &CrashError{Exit: exit, Killed: w.killed.Load()}
	}
	return status, usage, err
}

// Finished returns when the last job was over, which is before its worker is given back or gone. It is for
// who has the worker.
func (w *Worker) Finished() time.Time { return w.finished }

// endAfter is end for a worker whose last word was err. One that is gone closes its socket before it is dead: a kill
// of ours in between would be told as the reason.
func (w *Worker) endAfter(err error) (exit spawn.Exit, reaped bool) {
	if errors.Is(err, wire.ErrGone) {
		timer := time.NewTimer(farewell)
		defer timer.Stop()
		select {
		case <-w.proc.Done():
		case <-timer.C:
		}
	}
	return w.end()
}

// end makes sure that the process is gone and its number free, and lets go of all that belongs to it.
func (w *Worker) end() (exit spawn.Exit, reaped bool) {
	begun := time.Now()
	if reaped = w.proc.Stop(reap); reaped {
		exit = w.proc.Exit()
	}
	w.closing.Do(func() {
		_ = w.parent.Close()
		w.crew.left(w, begun, reaped)
	})
	return exit, reaped
}

// A CrashError says that a worker's process ended in the middle.
type CrashError struct {
	Exit   spawn.Exit
	Killed bool // Kill was called
}

func (e *CrashError) Error() string {
	if e.Exit.Stderr == "" {
		return "the worker ended: " + e.Exit.String()
	}
	return fmt.Sprintf("the worker ended: %s: %s", e.Exit, e.Exit.Stderr)
}
