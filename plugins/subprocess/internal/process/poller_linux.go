package process

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// A poller lets one goroutine wait for several descriptors, without a thread. It is an epoll instance
// that the Go runtime's poller watches in turn. It has one user at a time.
type poller struct {
	fd    int
	file  *os.File
	raw   syscall.RawConn
	try   func(uintptr) bool // collect, kept so that waiting allocates nothing
	ready [4]unix.EpollEvent
	n     int
	err   error
}

func newPoller() (*poller, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("make an epoll instance: %w", err)
	}
	// The runtime watches only descriptors that are marked non-blocking.
	if err := unix.SetNonblock(fd, true); err != nil {
		return nil, errors.Join(fmt.Errorf("make an epoll instance: %w", err), unix.Close(fd))
	}
	file := os.NewFile(uintptr(fd), "epoll")
	raw, err := file.SyscallConn()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("watch an epoll instance: %w", err), file.Close())
	}
	p := &poller{fd: fd, file: file, raw: raw}
	p.try = p.collect
	if err := file.SetReadDeadline(time.Time{}); err != nil {
		return nil, errors.Join(fmt.Errorf("watch an epoll instance: %w", err), file.Close())
	}
	return p, nil
}

// add watches fd for input and for its end, until it is removed.
func (p *poller) add(fd int) error {
	event := unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(fd)}
	if err := unix.EpollCtl(p.fd, unix.EPOLL_CTL_ADD, fd, &event); err != nil {
		return fmt.Errorf("watch a descriptor: %w", err)
	}
	return nil
}

// remove ends the watch. Closing fd does not do it as long as a process that is just being forked has
// a copy.
func (p *poller) remove(fd int) { _ = unix.EpollCtl(p.fd, unix.EPOLL_CTL_DEL, fd, nil) }

// wait returns the descriptors that are ready, at least one, or [os.ErrDeadlineExceeded].
func (p *poller) wait() ([]unix.EpollEvent, error) {
	if err := p.raw.Read(p.try); err != nil {
		return nil, err
	}
	return p.ready[:p.n], p.err
}

func (p *poller) collect(fd uintptr) bool {
	for {
		p.n, p.err = unix.EpollWait(int(fd), p.ready[:], 0)
		if !errors.Is(p.err, unix.EINTR) {
			return p.n != 0 || p.err != nil
		}
	}
}

// until bounds the waits that follow; the zero time lifts the bound.
func (p *poller) until(t time.Time) { _ = p.file.SetReadDeadline(t) }

func (p *poller) close() error { return p.file.Close() }

// pollers keeps those that are not in use.
type pollers struct {
	mu     sync.Mutex
	free   []*poller // guarded by mu
	closed bool      // guarded by mu
}

func (s *pollers) get() (*poller, error) {
	s.mu.Lock()
	if n := len(s.free); n > 0 {
		p := s.free[n-1]
		s.free = s.free[:n-1]
		s.mu.Unlock()
		return p, nil
	}
	s.mu.Unlock()
	return newPoller()
}

// put takes back a poller that watches nothing.
func (s *pollers) put(p *poller) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		_ = p.close()
		return
	}
	s.free = append(s.free, p)
}

func (s *pollers) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	var errs []error
	for _, p := range s.free {
		errs = append(errs, p.close())
	}
	s.free = nil
	return errors.Join(errs...)
}
