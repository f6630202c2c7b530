package wasi

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// An OutputError is with what a guest is left when its output can go nowhere any more.
type OutputError struct{ Err error }

func (e *OutputError) Error() string { return fmt.Sprintf("output is lost: %v", e.Err) }

func (e *OutputError) Unwrap() error { return e.Err }

func (j *job) fdWrite(m memory, a []uint64) Errno {
	f, errno := j.file(a[0], rightFdWrite)
	if errno != success {
		return errno
	}
	return transfer(m, a[1], a[2], a[3], func(b []byte) (int, error) { return j.write(f, b) })
}

func (j *job) fdRead(m memory, a []uint64) Errno {
	f, errno := j.file(a[0], rightFdRead)
	if errno != success {
		return errno
	}
	return transfer(m, a[1], a[2], a[3], func(b []byte) (int, error) { return j.read(f, b) })
}

func (j *job) fdPwrite(m memory, a []uint64) Errno {
	f, errno := j.positioned(a[0], rightFdWrite)
	if errno != success {
		return errno
	}
	at := int64(a[3])
	return transfer(m, a[1], a[2], a[4], func(b []byte) (int, error) {
		n, err := f.node.WriteAt(b, at)
		at += int64(n)
		return n, err
	})
}

func (j *job) fdPread(m memory, a []uint64) Errno {
	f, errno := j.positioned(a[0], rightFdRead)
	if errno != success {
		return errno
	}
	at := int64(a[3])
	return transfer(m, a[1], a[2], a[4], func(b []byte) (int, error) {
		n, err := f.node.ReadAt(b, at)
		at += int64(n)
		return n, err
	})
}

// positioned returns a file that has positions.
func (j *job) positioned(fd uint64, need rights) (*file, Errno) {
	f, errno := j.file(fd, need)
	if errno == success && f.kind != kindNode {
		return nil, toErrno(unix.ESPIPE)
	}
	return f, errno
}

// transfer calls move for the buffers of an iovec array, until one was not moved whole, and tells how many
// bytes were. An error counts only if there were none before.
func transfer(m memory, vectors, count, result uint64, move func(b []byte) (int, error)) Errno {
	total := 0
	var failed error
	errno := m.vectors(vectors, count, func(b []byte) bool {
		n, err := move(b)
		total += n
		failed = err
		return n == len(b) && err == nil
	})
	if total == 0 {
		if errno == success {
			errno = toErrno(failed)
		}
		if errno != success {
			return errno
		}
	}
	return m.put32(result, uint32(total))
}

func (j *job) write(f *file, b []byte) (int, error) {
	switch f.kind {
	case kindOutput:
		if err := j.Output(f.fd, b); err != nil {
			panic(&OutputError{err})
		}
		return len(b), nil
	case kindNode:
		return f.node.Write(b)
	case kindConnection:
		return f.send(b)
	}
	return 0, unix.EBADF
}

// read gives less than was asked for where more would have to be waited for.
func (j *job) read(f *file, b []byte) (int, error) {
	switch f.kind {
	case kindNode:
		return f.node.Read(b)
	case kindConnection:
		return f.receive(b, 0)
	case kindStdin:
		if f.fd < 0 {
			return 0, nil
		}
		return f.whenReady(unix.POLLIN, func() (int, error) { return unix.Read(f.fd, b) })
	}
	return 0, unix.EBADF
}

// whenReady repeats a system call until it has something to say: a signal interrupts it, and the mode of the
// descriptor is not the guest's to choose, for it may be shared with others.
func (f *file) whenReady(events int16, call func() (int, error)) (int, error) {
	if f.flags&flagNonblock != 0 {
		if ready, err := waitFor(f.fd, events, 0); err != nil || !ready {
			return 0, errors.Join(err, unix.EAGAIN)
		}
	}
	for {
		n, err := call()
		switch {
		case errors.Is(err, unix.EINTR):
		case errors.Is(err, unix.EAGAIN) && f.flags&flagNonblock == 0:
			if _, err := waitFor(f.fd, events, -1); err != nil {
				return 0, err
			}
		default:
			return max(n, 0), err
		}
	}
}

// waitFor waits until a descriptor is ready, for some milliseconds or, if negative, as long as it takes.
func waitFor(fd int, events int16, millis int) (bool, error) {
	for {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: events}}, millis)
		if !errors.Is(err, unix.EINTR) {
			return n > 0, err
		}
	}
}
