//go:build unix && !linux

package process

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/soltihq/solti-host/plugins/subprocess/internal/script"
)

// rssUnit is the unit of Rusage.Maxrss in bytes.
const rssUnit = 1

// drainLimit is how long the pipes may stay open when the process group is dead.
const drainLimit = 5 * time.Second

// An Engine runs commands. Here it has process groups only: what leaves its group survives.
type Engine struct {
	log     hclog.Logger
	buffers buffers
}

// New makes an engine. It refuses mode [Cgroup].
func New(opts Options) (*Engine, error) {
	if opts.Mode == Cgroup {
		return nil, errors.New("cgroups are to be had on Linux only")
	}
	resetSignals()
	return &Engine{log: opts.log()}, nil
}

// Mode returns how the engine holds processes together.
func (e *Engine) Mode() Mode { return Group }

// Close releases what the engine holds. No attempt may be under way.
func (e *Engine) Close() error { return nil }

// Run runs cmd until its process group is dead. When ctx ends it sends SIGTERM to the group, and SIGKILL
// when cmd.Force is closed. The error is a [*StartError] if the command could not be started; how it
// ended otherwise is told by Exit, stopped or not.
func (e *Engine) Run(ctx context.Context, cmd *Command) (Exit, error) {
	if ctx.Err() != nil {
		return Exit{}, context.Cause(ctx)
	}
	path, ok := lookup(cmd.Name, cmd.Path)
	if !ok {
		return Exit{}, notInPath(cmd)
	}
	a := &attempt{engine: e, cmd: cmd, over: make(chan struct{})}
	if err := a.start(path); err != nil {
		return Exit{}, err
	}
	return a.run(ctx), nil
}

// An attempt is one command on its way from start to end.
type attempt struct {
	engine  *Engine
	cmd     *Command
	process *os.Process
	pipes   [2]*os.File
	readers sync.WaitGroup
	over    chan struct{} // closed when the group is dead

	mu     sync.Mutex
	waited bool // guarded by mu; the leader's pid may be somebody else's
}

func (a *attempt) start(path string) error {
	var body *script.File
	argv := []string{a.cmd.Name}
	files := make([]*os.File, 0, 4)
	null, err := os.Open(os.DevNull)
	if err != nil {
		return &StartError{Name: a.cmd.Name, Problem: err.Error(), Err: err}
	}
	files = append(files, null)
	defer func() {
		for _, file := range files {
			_ = file.Close()
		}
	}()
	for i := range a.pipes {
		read, write, err := os.Pipe()
		if err != nil {
			a.closePipes()
			return &StartError{Name: a.cmd.Name, Problem: err.Error(), Err: err}
		}
		a.pipes[i], files = read, append(files, write)
	}
	if a.cmd.Script != nil {
		if body, err = script.New(*a.cmd.Script, script.ByChild); err != nil {
			a.closePipes()
			return &StartError{Name: a.cmd.Name, Problem: err.Error(), Err: err}
		}
		argv = append(argv, script.Flags(a.cmd.Name)...)
		argv = append(argv, body.Path())
		files = append(files, body.File())
	}
	a.process, err = os.StartProcess(path, append(argv, a.cmd.Args...), &os.ProcAttr{
		Dir: absolute("", a.cmd.Dir), Env: a.cmd.Env, Files: files,
		Sys: &syscall.SysProcAttr{Setsid: true},
	})
	if err != nil {
		a.closePipes()
		return startError(a.cmd, path, errors.Unwrap(err))
	}
	return nil
}

func (a *attempt) closePipes() {
	for _, pipe := range a.pipes {
		if pipe != nil {
			_ = pipe.Close()
		}
	}
}

// run takes a started attempt to its end.
func (a *attempt) run(ctx context.Context) Exit {
	if a.cmd.Started != nil {
		a.cmd.Started(Leader{PID: a.process.Pid})
	}
	a.readers.Go(func() { a.read(a.pipes[0], stream{to: a.cmd.Stdout}) })
	a.readers.Go(func() { a.read(a.pipes[1], stream{to: a.cmd.Stderr}) })
	stopped := make(chan struct{})
	unwatch := context.AfterFunc(ctx, func() {
		defer close(stopped)
		a.stop()
	})
	exit := a.wait()
	exit.Cut = !a.drain()
	close(a.over)
	if !unwatch() {
		<-stopped
	}
	return exit
}

func (a *attempt) stop() {
	a.signal(syscall.SIGTERM)
	a.signal(syscall.SIGCONT)
	select {
	case <-a.cmd.Force:
		a.signal(syscall.SIGKILL)
	case <-a.over:
	}
}

func (a *attempt) signal(sig syscall.Signal) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.waited {
		_ = syscall.Kill(-a.process.Pid, sig)
	}
}

// wait collects the leader and kills what is left of its group. The group is killed after the leader's
// pid was given back; as long as it has members its number is not given to another.
func (a *attempt) wait() Exit {
	state, err := a.process.Wait()
	a.mu.Lock()
	a.waited = true
	_ = syscall.Kill(-a.process.Pid, syscall.SIGKILL)
	a.mu.Unlock()
	if err != nil {
		a.engine.log.Error("wait for the leader", "run", a.cmd.RunID, "error", err)
		return Exit{Code: -1}
	}
	status, _ := state.Sys().(syscall.WaitStatus)
	usage, _ := state.SysUsage().(*syscall.Rusage)
	if usage == nil {
		usage = new(syscall.Rusage)
	}
	return exitOf(status, usage)
}

// drain waits until the pipes have ended and reports whether they have.
func (a *attempt) drain() bool {
	limit := time.Now().Add(drainLimit)
	for _, pipe := range a.pipes {
		if err := pipe.SetReadDeadline(limit); err != nil {
			a.engine.log.Error("bound the reading of output", "error", fmt.Errorf("set a deadline: %w", err))
		}
	}
	a.readers.Wait()
	a.closePipes()
	return time.Now().Before(limit)
}

// A stream is where the bytes of a pipe go.
type stream struct {
	to interface{ Write([]byte) (int, error) }
}

// read hands on what comes from a pipe until it ends. After an error of the writer the rest is dropped.
func (a *attempt) read(pipe *os.File, s stream) {
	buf := a.engine.buffers.get()
	defer a.engine.buffers.put(buf)
	for broken := false; ; {
		n, err := pipe.Read(buf[:])
		if n > 0 && !broken {
			_, writeErr := s.to.Write(buf[:n])
			broken = writeErr != nil
		}
		if err != nil {
			return
		}
	}
}
