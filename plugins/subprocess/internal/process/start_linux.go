package process

import (
	"errors"
	"fmt"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/soltihq/solti-host/plugins/subprocess/internal/script"
)

// start starts the command. When it fails, nothing is left of it.
func (a *attempt) start() error {
	path, ok := lookup(a.cmd.Name, a.cmd.Path)
	if !ok {
		return notInPath(a.cmd)
	}
	if err := a.prepare(); err != nil {
		a.release()
		return &StartError{Name: a.cmd.Name, Problem: err.Error(), Err: err}
	}
	if err := a.spawn(path); err != nil {
		a.release()
		return startError(a.cmd, path, err)
	}
	return nil
}

// prepare gets what the attempt needs besides its pipes.
func (a *attempt) prepare() (err error) {
	if a.cmd.Script != nil {
		if a.body, err = script.New(*a.cmd.Script, a.engine.naming); err != nil {
			return err
		}
	}
	if a.poll, err = a.engine.pollers.get(); err != nil {
		return err
	}
	if a.engine.leaves != nil {
		a.tree.leaf, err = a.engine.leaves.Get()
	}
	return err
}

// spawn makes the pipes and forks.
func (a *attempt) spawn(path string) error {
	stdout, err := a.pipe(&a.out)
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(stdout) }()
	stderr, err := a.pipe(&a.err)
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(stderr) }()

	argv, files := a.arguments(stdout, stderr)
	attr := &syscall.ProcAttr{
		Dir: a.cmd.Dir, Env: a.cmd.Env, Files: files,
		Sys: &syscall.SysProcAttr{PidFD: &a.pidfd},
	}
	if attr.Dir == "" {
		attr.Dir = "/"
	}
	a.tree.place(attr.Sys)
	a.tree.member = a.engine.orphans.Join(a.cmd.RunID)
	leader, err := a.engine.spawner.fork(path, argv, attr)
	if err != nil {
		a.tree.member.Leave()
		return err
	}
	a.tree.leader, a.begun = leader.PID, leader.Start
	a.tree.member.Lead(a.tree.leader)
	return a.watch()
}

// pipe makes a pipe, keeps its reading end and returns the other.
func (a *attempt) pipe(s *stream) (int, error) {
	var ends [2]int
	if err := unix.Pipe2(ends[:], unix.O_CLOEXEC); err != nil {
		return -1, fmt.Errorf("make a pipe: %w", err)
	}
	s.fd = ends[0]
	return ends[1], nil
}

// arguments returns the argument list and the descriptors of the new process.
func (a *attempt) arguments(stdout, stderr int) (argv []string, files []uintptr) {
	argv = make([]string, 0, len(a.cmd.Args)+2)
	argv = append(argv, a.cmd.Name)
	files = append(make([]uintptr, 0, 4), a.engine.null.Fd(), uintptr(stdout), uintptr(stderr))
	if a.body != nil {
		argv = append(argv, script.Flags(a.cmd.Name)...)
		argv = append(argv, a.body.Path())
		if fd, ok := a.body.Inherit(); ok {
			files = append(files, uintptr(fd))
		}
	}
	return append(argv, a.cmd.Args...), files
}

// watch begins to listen to a process that was just started. If that cannot be, the process is killed.
func (a *attempt) watch() error {
	if a.pidfd < 0 {
		err := errors.New("the kernel gave no pidfd for the new process")
		a.abort()
		return err
	}
	for _, fd := range []int{a.pidfd, a.out.fd, a.err.fd} {
		if err := a.poll.add(fd); err != nil {
			a.abort()
			return err
		}
	}
	return nil
}

// abort kills a process that cannot be listened to.
func (a *attempt) abort() {
	_ = unix.Kill(a.tree.leader, unix.SIGKILL)
	a.awaitLeader()
	a.bury()
	_ = a.wait()
}
