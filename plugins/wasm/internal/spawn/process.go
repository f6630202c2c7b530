package spawn

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// drainLimit is how long standard error may stay open when the child is dead: somebody else has it then.
const drainLimit = 100 * time.Millisecond

// rssUnit is the unit of Rusage.Maxrss in bytes.
const rssUnit = 1 << 10

// A Process is one child. Its methods may be called from any goroutine.
type Process struct {
	pid   int
	begun time.Time
	done  chan struct{} // closed when the child was waited for and exit is set
	exit  Exit          // set before done is closed

	handle *os.File // the pidfd; only reap reads it

	oomKilled func() bool // whether the kernel has killed for want of memory since about the start

	mu     sync.Mutex
	reaped bool // guarded by mu; pid may be somebody else's
	killed bool // guarded by mu
}

// newProcess takes over a child that was just started. If that cannot be, the child is ended.
func newProcess(pid, pidfd int, begun time.Time) (*Process, error) {
	// The runtime watches only descriptors that are marked non-blocking.
	if err := unix.SetNonblock(pidfd, true); err != nil {
		_ = unix.Kill(pid, unix.SIGKILL)
		_, _ = unix.Wait4(pid, nil, 0, nil)
		_ = unix.Close(pidfd)
		return nil, fmt.Errorf("watch the child: %w", err)
	}
	return &Process{
		pid: pid, begun: begun, done: make(chan struct{}), handle: os.NewFile(uintptr(pidfd), "pidfd"),
	}, nil
}

// PID is the child's number. It may be somebody else's once Done is closed.
func (p *Process) PID() int { return p.pid }

// Done is closed when the child has ended and was waited for.
func (p *Process) Done() <-chan struct{} { return p.done }

// Exit tells how the child ended. It may be called once Done is closed.
func (p *Process) Exit() Exit {
	<-p.done
	return p.exit
}

// Wait waits for the child's end, or for that of ctx.
func (p *Process) Wait(ctx context.Context) (Exit, error) {
	select {
	case <-p.done:
		return p.exit, nil
	case <-ctx.Done():
		return Exit{}, context.Cause(ctx)
	}
}

// Kill ends the child and its process group. It does not wait for it.
func (p *Process) Kill() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.reaped {
		return
	}
	p.killed = true
	_ = unix.Kill(-p.pid, unix.SIGKILL)
	_ = unix.Kill(p.pid, unix.SIGKILL)
}

// Stop ends the child and waits for its end, but not longer than the limit: the kernel lets go of a
// process only when it can. False means that it is not gone yet; Done tells when it is.
func (p *Process) Stop(limit time.Duration) bool {
	p.Kill()
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-p.done:
		return true
	case <-timer.C:
		return false
	}
}

// follow reads standard error and waits for the end, until both have come.
func (p *Process) follow(stderr *os.File) {
	var text excerpt
	read := make(chan struct{})
	go func() {
		defer close(read)
		text.readFrom(stderr)
	}()
	go func() {
		p.reap()
		_ = stderr.SetReadDeadline(time.Now().Add(drainLimit))
		<-read
		_ = stderr.Close()
		p.exit.Stderr += text.String()
		close(p.done)
	}()
}

// reap waits for the child's end, without a thread, and takes it off the process table.
func (p *Process) reap() {
	defer func() { _ = p.handle.Close() }()
	raw, err := p.handle.SyscallConn()
	if err == nil {
		err = raw.Read(func(uintptr) bool { return p.collect(unix.WNOHANG) })
	}
	if err != nil { // the runtime does not watch it: spend a thread
		for !p.collect(0) {
		}
	}
}

// collect asks the kernel for the child's end and reports whether there is nothing more to ask. Its group
// is killed as long as its number is the child's.
func (p *Process) collect(flags int) bool {
	var info unix.Siginfo
	const look = unix.WEXITED | unix.WNOWAIT
	err := unix.Waitid(unix.P_PID, p.pid, &info, look|flags, nil)
	if err == nil && info.Signo == 0 || errors.Is(err, unix.EINTR) {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.reaped = true
	_ = unix.Kill(-p.pid, unix.SIGKILL)
	var status syscall.WaitStatus
	var usage syscall.Rusage
	for {
		_, err = syscall.Wait4(p.pid, &status, 0, &usage)
		if !errors.Is(err, unix.EINTR) {
			break
		}
	}
	p.exit = exitOf(status, &usage, err)
	p.exit.Killed, p.exit.Elapsed = p.killed, time.Since(p.begun)
	p.exit.OOMKilled = p.exit.Signal == unix.SIGKILL && !p.killed && p.oomKilled()
	return true
}

func exitOf(status syscall.WaitStatus, usage *syscall.Rusage, err error) Exit {
	if err != nil {
		return Exit{Code: -1, Stderr: fmt.Sprintf("somebody else has waited for the child: %v", err)}
	}
	e := Exit{
		Code: status.ExitStatus(), User: time.Duration(usage.Utime.Nano()), System: time.Duration(usage.Stime.Nano()),
		MaxRSS: usage.Maxrss * rssUnit,
	}
	if status.Signaled() {
		e.Signal = status.Signal()
	}
	return e
}
