package fence

import (
	"context"
	"os"
	"os/signal"
	"sync"
	"syscall"
)

// A Reaper takes care of the orphans that this process adopts when it is a subreaper: it reaps those
// that have ended, one by one and never a child of somebody else in this process.
//
// An orphan is told from a child that was started here by its session: what the host starts through
// [Reaper.Spawn] is registered, what others in this process start is in our own session, and
// plugins are started in sessions of their own.
type Reaper struct {
	mu  sync.Mutex
	own map[int]struct{} // guarded by mu; children that Spawn started and Forget has not forgotten
}

// Spawn calls start, which starts a child and returns its number, and registers the child before
// anybody can take it for an orphan. It works on a nil Reaper too.
func (r *Reaper) Spawn(start func() (pid int, err error)) error {
	if r == nil {
		_, err := start()
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	pid, err := start()
	if err != nil {
		return err
	}
	if r.own == nil {
		r.own = make(map[int]struct{})
	}
	r.own[pid] = struct{}{}
	return nil
}

// Forget ends the registration of a child that has been reaped.
func (r *Reaper) Forget(pid int) {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.own, pid)
}

// Run makes this process a subreaper and reaps orphans until ctx ends.
func (r *Reaper) Run(ctx context.Context) error {
	if err := becomeSubreaper(); err != nil {
		return err
	}
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGCHLD)
	defer signal.Stop(c)
	for {
		r.Reap()
		select {
		case <-c:
		case <-ctx.Done():
			return nil
		}
	}
}

// Reap reaps the orphans that have ended.
func (r *Reaper) Reap() {
	for _, p := range r.orphans() {
		if p.Dead() {
			var status syscall.WaitStatus
			_, _ = syscall.Wait4(p.PID, &status, syscall.WNOHANG, nil) // by number: never somebody else's
		}
	}
}

// Adopted reports whether a process is an orphan that this process has adopted.
func (r *Reaper) Adopted(p Process) bool {
	if r == nil || p.Parent != os.Getpid() || p.Session == ownSession() {
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	_, ours := r.own[p.PID]
	return !ours
}

func (r *Reaper) orphans() []Process {
	all, err := Processes()
	if err != nil {
		return nil
	}
	var found []Process
	for _, p := range all {
		if r.Adopted(p) {
			found = append(found, p)
		}
	}
	return found
}

func ownSession() int {
	p, err := look(os.Getpid())
	if err != nil {
		return 0
	}
	return p.Session
}
