package launch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/hashicorp/go-hclog"
	"google.golang.org/grpc"

	"github.com/soltihq/solti-host/host/internal/fence"
)

// A Config says what to start, and how to find again what it leaves behind.
type Config struct {
	Path       string
	Args       []string // without the program's name
	Env        []string // complete but for go-plugin's own variables
	WorkDir    string
	Dir        string        // absolute, 0700, for this launch alone: the socket is made here. Removed at the end
	Timeout    time.Duration // of everything up to the first line
	Log        hclog.Logger
	Count      Counter       // may be nil
	Group      *fence.Group  // nil means none; killed and removed at the end
	LockPath   string        // whoever inherits this lock belongs to the launch; empty means none
	Lock       *fence.Lock   // the lock itself; Start takes it over
	Reaper     *fence.Reaper // may be nil
	FenceRetry time.Duration // longest time of one try to kill what is left
	// Belongs reports whether a process outside the group, the session and the lock belongs to this
	// launch. It may be nil.
	Belongs func(fence.Process) bool
	// Started is told the process's identity as soon as it exists. It may be nil.
	Started func(fence.Ident)
}

// How a process came to its end.
const (
	CauseClean        = "clean"        // by itself, or when asked, with exit code 0
	CauseCrash        = "crash"        // by itself
	CauseStartTimeout = "startTimeout" // killed: it was not ready in time
	CauseUnresponsive = "unresponsive" // killed: it did not answer any more
	CauseKilled       = "killed"       // killed for another reason
)

// An Exit says how a process ended.
type Exit struct {
	At     time.Time
	Cause  string
	Code   int    // -1 if a signal ended it
	Signal string // such as SIGKILL; empty means none
	Why    string // why it was killed; empty means that it was not
	Stderr string // its last words
}

// String returns the exit for people, without the last words.
func (e Exit) String() string {
	s := fmt.Sprintf("it exited with status %d", e.Code)
	if e.Signal != "" {
		s = "it was ended by " + e.Signal
	}
	if e.Why != "" {
		s += " (killed: " + e.Why + ")"
	}
	return s
}

// A Process is one launch of a plugin.
type Process struct {
	cfg  Config
	pid  int
	proc *os.Process
	last *tail

	lifeline *os.File // write end of its standard input
	stdout   *os.File
	stderr   *os.File
	readers  sync.WaitGroup // of the goroutines that read from it, stdio's among them
	first    *firstLine

	exited    chan struct{} // closed when the process has ended
	gone      chan struct{} // closed when nothing is left of it
	exit      Exit          // valid when gone is closed
	confirmed bool          // valid when gone is closed

	mu     sync.Mutex
	reason string           // guarded by mu; the cause that the first Kill gave
	why    string           // guarded by mu
	asked  bool             // guarded by mu; it was asked to stop
	reaped bool             // guarded by mu; its number may be somebody else's
	conn   *grpc.ClientConn // guarded by mu until Start has returned; not set any more once the process has ended
}

// PID returns the number of the process.
func (p *Process) PID() int { return p.pid }

// Conn returns the connection to the plugin.
func (p *Process) Conn() *grpc.ClientConn { return p.conn }

// Exited is closed when the process itself has ended.
func (p *Process) Exited() <-chan struct{} { return p.exited }

// Gone is closed when the process and everything that it has started are confirmed dead, and what
// the launch held is released.
func (p *Process) Gone() <-chan struct{} { return p.gone }

// Exit says how the process ended. It may be called when Gone is closed.
func (p *Process) Exit() Exit { return p.exit }

// Confirmed reports whether everything that the launch started is dead for certain; it is not when
// life ended first. It may be called when Gone is closed.
func (p *Process) Confirmed() bool { return p.confirmed }

// Last returns the last words of the process so far.
func (p *Process) Last() string { return p.last.String() }

// Kill ends the process and its tree at once and returns without waiting. The first cause given
// holds; a process that has ended already keeps its own.
func (p *Process) Kill(cause, why string) {
	select {
	case <-p.exited:
		return
	default:
	}
	p.mu.Lock()
	if p.reason == "" {
		p.reason, p.why = cause, why
	}
	p.mu.Unlock()
	p.first.end()
	p.signalGroup(syscall.SIGKILL)
	_ = p.proc.Kill() // it may have ended meanwhile
}

// Stop asks the process to end, through its lifeline and by SIGTERM to its group, and kills the tree
// when it has not ended after grace or when ctx ends. It returns when nothing is left, or an error
// if that cannot be confirmed before ctx has ended.
func (p *Process) Stop(ctx context.Context, grace time.Duration) error {
	p.mu.Lock()
	p.asked = true
	p.mu.Unlock()
	_ = p.lifeline.Close() // a second time does nothing
	select {
	case <-p.exited:
	default:
		p.signalGroup(syscall.SIGTERM)
	}
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-p.exited:
	case <-timer.C:
		p.Kill(CauseKilled, fmt.Sprintf("it did not stop within %s", grace))
	case <-ctx.Done():
		p.Kill(CauseKilled, "it did not stop in time")
	}
	select {
	case <-p.gone:
		return nil
	default:
	}
	select {
	case <-p.gone:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("process %d and what it started are not confirmed dead: %w", p.pid, context.Cause(ctx))
	}
}

// signalGroup signals the process's group, unless the process has been reaped: then the number may
// belong to another group.
func (p *Process) signalGroup(sig syscall.Signal) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.reaped {
		_ = syscall.Kill(-p.pid, sig) // nobody left is as good
	}
}

// watch waits for the end, makes sure of it and cleans up.
func (p *Process) watch(ctx context.Context) {
	defer close(p.gone)
	state := awaitExit(p.proc)
	at := time.Now()
	close(p.exited)
	p.first.end()
	deadline := at.Add(drainTime)
	_ = p.stdout.SetReadDeadline(deadline)
	_ = p.stderr.SetReadDeadline(deadline)
	p.confirmed = p.fenceOff(ctx)
	p.mu.Lock()
	p.reaped = true
	conn := p.conn
	p.mu.Unlock()
	if state == nil {
		state, _ = p.proc.Wait()
	}
	p.cfg.Reaper.Forget(p.pid)
	if conn != nil {
		_ = conn.Close()
	}
	p.readers.Wait()
	p.release()
	p.exit = p.conclude(at, state)
}

// drainTime is how long after the exit the pipes are still read.
const drainTime = 200 * time.Millisecond

// fenceOff kills what is left until it is confirmed dead. It reports false when ctx ended first.
func (p *Process) fenceOff(ctx context.Context) bool {
	for pause := fencePause; ; pause = min(2*pause, p.cfg.FenceRetry) {
		try, cancel := context.WithTimeout(ctx, p.cfg.FenceRetry)
		err := p.fenceOnce(try)
		cancel()
		if err == nil {
			return true
		}
		if ctx.Err() != nil {
			return false
		}
		p.cfg.Log.Error("nobody can say yet that all that a plugin started is dead; its runs are not made again before", "pid", p.pid, "error", err)
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return false
		}
	}
}

// fencePause is the first pause between two tries to fence off what is left.
const fencePause = 50 * time.Millisecond

func (p *Process) fenceOnce(ctx context.Context) error {
	if p.cfg.Group != nil {
		if err := p.cfg.Group.Kill(ctx); err != nil {
			return err
		}
	}
	p.signalGroup(syscall.SIGKILL)
	err := fence.Kill(ctx, func(q fence.Process) bool {
		return q.Session == p.pid || q.Group == p.pid || p.cfg.Belongs != nil && p.cfg.Belongs(q)
	})
	if err != nil || p.cfg.LockPath == "" {
		return err
	}
	lock, err := fence.TakeLock(ctx, p.cfg.LockPath)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // the directory was removed under the host: nobody can be told by it
	}
	if err != nil {
		return err
	}
	return lock.Close()
}

// release frees what the launch held.
func (p *Process) release() {
	for _, f := range []io.Closer{p.lifeline, p.stdout, p.stderr} {
		_ = f.Close()
	}
	if err := os.RemoveAll(p.cfg.Dir); err != nil {
		p.cfg.Log.Warn("a launch directory cannot be removed", "dir", p.cfg.Dir, "error", err)
	}
}

func (p *Process) conclude(at time.Time, state *os.ProcessState) Exit {
	p.mu.Lock()
	defer p.mu.Unlock()
	e := Exit{At: at, Cause: p.reason, Why: p.why, Code: -1, Stderr: p.last.String()}
	if state != nil {
		e.Code = state.ExitCode()
		if ws, ok := state.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
			e.Signal = signalName(ws.Signal())
		}
	}
	switch {
	case e.Cause != "":
	case e.Code == 0, p.asked && e.Signal == "SIGTERM":
		e.Cause = CauseClean
	default:
		e.Cause = CauseCrash
	}
	return e
}
