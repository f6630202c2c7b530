package process

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/soltihq/solti-host/plugins/subprocess/internal/script"
)

const (
	// buryLimit is how long killing what a leader left may take before the log is told. A process
	// can be dead only when the kernel lets go of it, so there is nothing to do but wait on.
	buryLimit = 5 * time.Second
	// drainLimit is how long the pipes may stay open when all of the tree is dead. Only a process
	// outside it can hold them then, one that was handed a copy.
	drainLimit = 5 * time.Second
)

// An attempt is one command on its way from start to burial. It belongs to the goroutine that runs it,
// but for what mu guards.
type attempt struct {
	engine *Engine
	cmd    *Command
	poll   *poller
	out    stream
	err    stream
	body   *script.File // nil without a script
	pidfd  int
	tree   tree
	begun  uint64 // clock ticks since boot; 0 if not known

	over chan struct{} // closed when the tree is dead

	mu     sync.Mutex
	waited bool // guarded by mu; the leader's pid may be somebody else's
}

// run takes a started attempt to its end.
func (a *attempt) run(ctx context.Context) (Exit, error) {
	if a.cmd.Started != nil {
		a.cmd.Started(Leader{PID: a.tree.leader, Start: a.begun})
	}
	stopped := make(chan struct{})
	unwatch := context.AfterFunc(ctx, func() {
		defer close(stopped)
		a.stop()
	})
	err := a.follow()
	a.bury()
	exit := a.wait()
	exit.Cut = !a.drain()
	close(a.over)
	if !unwatch() {
		<-stopped
	}
	a.release()
	if err != nil {
		return exit, fmt.Errorf("follow the command: %w", err)
	}
	return exit, nil
}

// stop asks the tree to end, and kills it when told to. Stopped processes are woken, so that they learn
// of it.
func (a *attempt) stop() {
	a.whileLed(func() {
		a.tree.signal(unix.SIGTERM)
		a.tree.signal(unix.SIGCONT)
	})
	select {
	case <-a.cmd.Force:
		a.whileLed(a.tree.kill)
	case <-a.over:
	}
}

// whileLed calls f unless the leader has been waited for.
func (a *attempt) whileLed(f func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.waited {
		f()
	}
}

// follow hands on output until the leader has ended.
func (a *attempt) follow() error {
	for {
		ready, err := a.poll.wait()
		if err != nil {
			a.whileLed(a.tree.kill) // without a poller nobody would notice its end
			a.awaitLeader()
			return err
		}
		for _, event := range ready {
			if int(event.Fd) == a.pidfd {
				a.poll.remove(a.pidfd)
				return nil
			}
		}
		a.read(ready)
	}
}

// awaitLeader blocks until the leader has ended.
func (a *attempt) awaitLeader() {
	fds := []unix.PollFd{{Fd: int32(a.pidfd), Events: unix.POLLIN}}
	for {
		if _, err := unix.Poll(fds, -1); !errors.Is(err, unix.EINTR) {
			return
		}
	}
}

// read takes what the ready pipes hold and closes those that have ended.
func (a *attempt) read(ready []unix.EpollEvent) {
	for _, event := range ready {
		s := a.stream(int(event.Fd))
		if s == nil {
			continue
		}
		if event.Events&unix.EPOLLIN == 0 || s.read(&a.engine.buffers) {
			a.closeStream(s)
		}
	}
}

func (a *attempt) stream(fd int) *stream {
	switch fd {
	case a.out.fd:
		return &a.out
	case a.err.fd:
		return &a.err
	default:
		return nil
	}
}

func (a *attempt) closeStream(s *stream) {
	if s.fd >= 0 {
		a.poll.remove(s.fd)
		_ = unix.Close(s.fd)
		s.fd = -1
	}
}

// bury kills what the leader has left and returns when all of it is dead.
func (a *attempt) bury() {
	for started := time.Now(); ; {
		gone, err := a.tree.bury(buryLimit)
		if gone {
			break
		}
		a.engine.log.Warn("processes of a finished attempt do not die", "run", a.cmd.RunID,
			"leader", a.tree.leader, "for", time.Since(started).Round(time.Second), "error", err)
	}
	a.tree.member.Leave()
}

// wait collects the dead leader.
func (a *attempt) wait() Exit {
	var status syscall.WaitStatus
	var usage syscall.Rusage
	a.mu.Lock()
	defer a.mu.Unlock()
	a.waited = true
	for {
		pid, err := syscall.Wait4(a.tree.leader, &status, 0, &usage)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil || pid != a.tree.leader:
			a.engine.log.Error("leader was waited for by somebody else", "run", a.cmd.RunID, "leader", a.tree.leader, "error", err)
			return Exit{Code: -1}
		}
		return exitOf(status, &usage)
	}
}

// drain hands on what is left in the pipes and reports whether they have ended.
func (a *attempt) drain() bool {
	if a.out.fd < 0 && a.err.fd < 0 {
		return true
	}
	a.poll.until(time.Now().Add(a.engine.drain))
	defer a.poll.until(time.Time{})
	for a.out.fd >= 0 || a.err.fd >= 0 {
		ready, err := a.poll.wait()
		if err != nil {
			if !errors.Is(err, os.ErrDeadlineExceeded) {
				a.engine.log.Error("cannot read the rest of the output", "run", a.cmd.RunID, "error", err)
			}
			return false
		}
		a.read(ready)
	}
	return true
}

// release gives back all that the attempt holds.
func (a *attempt) release() {
	a.closeStream(&a.out)
	a.closeStream(&a.err)
	if a.pidfd >= 0 {
		_ = unix.Close(a.pidfd)
	}
	if a.body != nil {
		_ = a.body.Close()
	}
	if a.poll != nil {
		a.engine.pollers.put(a.poll)
	}
	if a.tree.leaf != nil {
		a.engine.leaves.Put(a.tree.leaf)
	}
}
