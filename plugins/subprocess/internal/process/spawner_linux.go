package process

import (
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// A spawner forks.
type spawner struct {
	jobs chan *spawn
	done chan struct{}
}

type spawn struct {
	path  string
	argv  []string
	attr  *syscall.ProcAttr
	pid   int
	err   error
	ready chan struct{}
}

var lockedSpawner = true

func startSpawner() *spawner {
	s := &spawner{jobs: make(chan *spawn), done: make(chan struct{})}
	go s.serve()
	return s
}

func (s *spawner) serve() {
	defer close(s.done)
	runtime.LockOSThread()
	if unix.Gettid() == unix.Getpid() {
		panic("spawner on the main thread")
	}
	for job := range s.jobs {
		job.pid, job.err = syscall.ForkExec(job.path, job.argv, job.attr)
		close(job.ready)
	}
}

func (s *spawner) fork(path string, argv []string, attr *syscall.ProcAttr) (int, error) {
	if !lockedSpawner {
		return syscall.ForkExec(path, argv, attr)
	}
	job := &spawn{path: path, argv: argv, attr: attr, ready: make(chan struct{})}
	s.jobs <- job
	<-job.ready
	return job.pid, job.err
}

func (s *spawner) close() {
	close(s.jobs)
	<-s.done
}
