package cgroup

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// A Leaf is a cgroup for the processes of one attempt. It has one user at a time.
type Leaf struct {
	path   string
	dir    int // the directory, to clone into
	events int // cgroup.events
	kill   int // cgroup.kill

	killed atomic.Bool // Kill was called
}

func makeLeaf(path string) (*Leaf, error) {
	if err := os.Mkdir(path, 0o755); err != nil {
		return nil, fmt.Errorf("make a cgroup: %w", err)
	}
	leaf := &Leaf{path: path, dir: -1, events: -1, kill: -1}
	if err := leaf.open(); err != nil {
		return nil, errors.Join(fmt.Errorf("open cgroup %s: %w", path, err), leaf.remove())
	}
	leaf.limit()
	return leaf, nil
}

func (l *Leaf) open() (err error) {
	if l.dir, err = unix.Open(l.path, unix.O_DIRECTORY|unix.O_RDONLY|unix.O_CLOEXEC, 0); err != nil {
		return err
	}
	if l.events, err = unix.Openat(l.dir, "cgroup.events", unix.O_RDONLY|unix.O_CLOEXEC, 0); err != nil {
		return err
	}
	l.kill, err = unix.Openat(l.dir, "cgroup.kill", unix.O_WRONLY|unix.O_CLOEXEC, 0)
	return err
}

// limit forbids groups below the leaf and bounds its processes. Both are absent on some systems, and
// nothing that is promised depends on them.
func (l *Leaf) limit() {
	_ = os.WriteFile(filepath.Join(l.path, "cgroup.max.depth"), []byte("0"), 0)
	_ = os.WriteFile(filepath.Join(l.path, "pids.max"), []byte(strconv.Itoa(MaxProcesses)), 0)
}

// Path returns the leaf's directory.
func (l *Leaf) Path() string { return l.path }

// FD returns the descriptor to clone into. It is valid as long as the caller has the leaf.
func (l *Leaf) FD() int { return l.dir }

// Populated reports whether a process is alive in the leaf. A leaf that was removed from outside is
// empty: only empty groups can be removed.
func (l *Leaf) Populated() (bool, error) {
	var buf [128]byte
	n, err := unix.Pread(l.events, buf[:], 0)
	switch {
	case errors.Is(err, unix.ENODEV):
		return false, nil
	case err != nil:
		return true, fmt.Errorf("read cgroup.events of %s: %w", l.path, err)
	}
	return bytes.Contains(buf[:n], []byte("populated 1")), nil
}

// Kill sends SIGKILL to every process in the leaf, in one step that no fork escapes.
func (l *Leaf) Kill() error {
	l.killed.Store(true)
	_, err := unix.Write(l.kill, []byte("1"))
	if err != nil && !errors.Is(err, unix.ENODEV) {
		return fmt.Errorf("kill cgroup %s: %w", l.path, err)
	}
	return nil
}

// WaitEmpty waits until no process is left, at most for the time given, and reports whether that is so.
func (l *Leaf) WaitEmpty(limit time.Duration) (bool, error) {
	deadline := time.Now().Add(limit)
	for {
		populated, err := l.Populated()
		if err != nil || !populated {
			return !populated, err
		}
		left := time.Until(deadline)
		if left <= 0 {
			return false, nil
		}
		// The kernel wakes us when the file changes. Reading it first is what arms that.
		wait := min(left, time.Second)
		fds := []unix.PollFd{{Fd: int32(l.events), Events: unix.POLLPRI}}
		if _, err := unix.Poll(fds, max(1, int(wait.Milliseconds()))); err != nil && !errors.Is(err, unix.EINTR) {
			return false, fmt.Errorf("wait for cgroup %s: %w", l.path, err)
		}
	}
}

// Signal sends sig to every process in the leaf. Processes that are started meanwhile may miss it.
func (l *Leaf) Signal(sig unix.Signal) error {
	type target struct{ pid, fd int }
	var targets []target
	defer func() {
		for _, t := range targets {
			_ = unix.Close(t.fd)
		}
	}()
	pids, err := l.processes()
	if err != nil {
		return err
	}
	for pid := range pids {
		if fd, err := unix.PidfdOpen(pid, 0); err == nil {
			targets = append(targets, target{pid, fd})
		}
	}
	// A number may have gone to a stranger between reading and opening it. One that is still listed
	// after it was opened has not, or what was opened is dead.
	if pids, err = l.processes(); err != nil {
		return err
	}
	for _, t := range targets {
		if pids[t.pid] {
			_ = unix.PidfdSendSignal(t.fd, sig, nil, 0)
		}
	}
	return nil
}

// processes reads the process ids in the leaf.
func (l *Leaf) processes() (map[int]bool, error) {
	data, err := os.ReadFile(filepath.Join(l.path, "cgroup.procs"))
	if errors.Is(err, unix.ENODEV) || errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list cgroup: %w", err)
	}
	pids := make(map[int]bool)
	for field := range bytes.FieldsSeq(data) {
		if pid, err := strconv.Atoi(string(field)); err == nil && pid > 0 {
			pids[pid] = true
		}
	}
	return pids, nil
}

// remove closes the leaf's files and removes its directory.
func (l *Leaf) remove() error {
	for _, fd := range []int{l.dir, l.events, l.kill} {
		if fd >= 0 {
			_ = unix.Close(fd)
		}
	}
	if err := unix.Rmdir(l.path); err != nil && !errors.Is(err, unix.ENOENT) {
		return fmt.Errorf("remove cgroup %s: %w", l.path, err)
	}
	return nil
}
