package spawn

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/soltihq/solti-host/plugins/wasm/internal/memfile"
)

// startLimit is how long to wait for the end of a child that could not be confined.
const startLimit = 5 * time.Second

// ErrClosed is what Start returns when the spawner is closed.
var ErrClosed = errors.New("no child can be started any more")

// A Spawner starts children. Its methods may be called from any goroutine.
type Spawner struct {
	null    *os.File
	binary  *os.File // what is started where a command does not say it; nil means ours
	path    string   // of binary
	jobs    chan *job
	threads sync.WaitGroup
	ooms    func() uint64 // how often the kernel has killed for want of memory
	tally   tally         // of ooms

	mu       sync.Mutex
	closed   bool // guarded by mu
	starting sync.WaitGroup
}

// A job is one child to be forked. The fields above done go in, those below come out.
type job struct {
	cmd  *Command
	attr *syscall.ProcAttr
	done chan struct{}

	pid int
	err error
}

// New makes a spawner that forks up to so many children at one time; at least one.
func New(threads int) (*Spawner, error) { return spawnerOf(threads, nil, Self) }

// NewOf makes a spawner whose children are started from a binary that is not ours. The file stays the
// caller's.
func NewOf(binary *os.File, threads int) (*Spawner, error) {
	own, err := memfile.Dup(binary)
	if err != nil {
		return nil, err
	}
	// By our own number: where a child has its files before it becomes the binary, it may have put one of
	// them, or what Go needs for the fork, in the place of this descriptor.
	s, err := spawnerOf(threads, own, fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), own.Fd()))
	if err != nil {
		return nil, errors.Join(err, own.Close())
	}
	return s, nil
}

func spawnerOf(threads int, binary *os.File, path string) (*Spawner, error) {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	s := &Spawner{null: null, binary: binary, path: path, jobs: make(chan *job), ooms: oomKills}
	for range max(threads, 1) {
		s.threads.Go(s.serve)
	}
	return s, nil
}

// serve forks until the spawner is closed. Its thread ends with it, and so do the children.
func (s *Spawner) serve() {
	runtime.LockOSThread()
	for j := range s.jobs {
		argv := append([]string{j.cmd.name()}, j.cmd.Args...)
		j.pid, j.err = syscall.ForkExec(cmp.Or(j.cmd.Path, s.path), argv, j.attr)
		close(j.done)
	}
}

// Path is that of the binary which children are started from where a command does not say it. It means
// something until Close.
func (s *Spawner) Path() string { return s.path }

// Close ends all children that are still alive, and the spawner. Whoever started them still hears of
// their end.
func (s *Spawner) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	s.mu.Unlock()
	s.starting.Wait()
	close(s.jobs)
	s.threads.Wait()
	if s.binary != nil {
		return errors.Join(s.null.Close(), s.binary.Close())
	}
	return s.null.Close()
}

// enter says that a child is about to be started, which Close waits for.
func (s *Spawner) enter() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return ErrClosed
	}
	s.starting.Add(1)
	return nil
}

// Start starts a child. When it fails, nothing is left of it.
func (s *Spawner) Start(cmd *Command) (*Process, error) {
	if err := s.enter(); err != nil {
		return nil, err
	}
	defer s.starting.Done()
	p, err := s.start(cmd)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", cmd.name(), err)
	}
	return p, nil
}

func (s *Spawner) start(cmd *Command) (*Process, error) {
	stderr, theirs, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	begun, ooms := time.Now(), s.tally.recent(s.ooms)
	pid, pidfd, err := s.fork(cmd, theirs)
	_ = theirs.Close()
	if err != nil {
		_ = stderr.Close()
		return nil, err
	}
	p, err := newProcess(pid, pidfd, begun)
	if err != nil {
		_ = stderr.Close()
		return nil, err
	}
	p.oomKilled = func() bool { return s.ooms() > ooms }
	p.follow(stderr)
	if err := apply(pid, cmd.Limits); err != nil {
		p.Stop(startLimit)
		return nil, err
	}
	return p, nil
}

// fork starts the child on one of our threads.
func (s *Spawner) fork(cmd *Command, stderr *os.File) (pid, pidfd int, err error) {
	pidfd = -1
	attr := &syscall.ProcAttr{
		Dir: "/", Env: cmd.Env,
		Files: append(make([]uintptr, 0, FirstFile+len(cmd.Files)), s.null.Fd(), s.null.Fd(), stderr.Fd()),
		Sys:   &syscall.SysProcAttr{Setpgid: true, Pdeathsig: unix.SIGKILL, PidFD: &pidfd},
	}
	if attr.Env == nil {
		attr.Env = []string{}
	}
	for _, f := range cmd.Files {
		attr.Files = append(attr.Files, f.Fd())
	}
	j := &job{cmd: cmd, attr: attr, done: make(chan struct{})}
	s.jobs <- j
	<-j.done
	runtime.KeepAlive(cmd)
	if j.err == nil && pidfd < 0 {
		_ = unix.Kill(j.pid, unix.SIGKILL)
		_, _ = unix.Wait4(j.pid, nil, 0, nil)
		return 0, -1, errors.New("the kernel gave no descriptor for the process, which needs Linux 5.4")
	}
	return j.pid, pidfd, j.err
}
