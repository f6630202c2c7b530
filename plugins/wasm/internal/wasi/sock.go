package wasi

import (
	"golang.org/x/sys/unix"
)

const (
	recvPeek      = 1 << 0
	recvWaitAll   = 1 << 1
	shutReceiving = 1 << 0
	shutSending   = 1 << 1
)

// socket returns a listener or connection.
func (j *job) socket(fd uint64, kind fileKind, need rights) (*file, Errno) {
	f := j.files.get(fd)
	switch {
	case f == nil:
		return nil, eBadf
	case f.kind != kindListener && f.kind != kindConnection:
		return nil, eNotsock
	case f.kind != kind:
		return nil, eInval
	case f.base&need != need:
		return nil, eNotcapable
	}
	return f, success
}

// sockAccept waits for a connection: fd, fdflags, result.
func (j *job) sockAccept(m memory, a []uint64) Errno {
	f, errno := j.socket(a[0], kindListener, rightSockAccept)
	switch {
	case errno != success:
		return errno
	case a[1]&^flagNonblock != 0:
		return eInval
	}
	if err := j.Tree.Take(); err != nil {
		return toErrno(err)
	}
	fd, err := f.whenReady(unix.POLLIN, func() (int, error) {
		fd, _, err := unix.Accept4(f.fd, unix.SOCK_CLOEXEC)
		return fd, err
	})
	if err != nil {
		j.Tree.Give()
		return toErrno(err)
	}
	c := &file{kind: kindConnection, fd: fd, flags: uint16(a[1]), base: f.inheriting & connectionRights}
	number := j.files.add(c)
	if errno := m.put32(a[2], number); errno != success {
		j.files.files[number] = nil
		j.shut(c)
		return errno
	}
	return success
}

// sockRecv receives: fd, vectors, their number, flags, result, result of flags.
func (j *job) sockRecv(m memory, a []uint64) Errno {
	f, errno := j.socket(a[0], kindConnection, rightFdRead)
	if errno != success {
		return errno
	}
	flags := 0
	switch {
	case a[3]&^(recvPeek|recvWaitAll) != 0:
		return eInval
	case a[3]&recvPeek != 0:
		flags |= unix.MSG_PEEK
	}
	if a[3]&recvWaitAll != 0 {
		flags |= unix.MSG_WAITALL
	}
	if errno := m.put16(a[5], 0); errno != success {
		return errno
	}
	return transfer(m, a[1], a[2], a[4], func(b []byte) (int, error) { return f.receive(b, flags) })
}

// sockSend sends: fd, vectors, their number, flags, result.
func (j *job) sockSend(m memory, a []uint64) Errno {
	f, errno := j.socket(a[0], kindConnection, rightFdWrite)
	switch {
	case errno != success:
		return errno
	case a[3] != 0:
		return eInval
	}
	return transfer(m, a[1], a[2], a[4], f.send)
}

func (j *job) sockShutdown(_ memory, a []uint64) Errno {
	f, errno := j.socket(a[0], kindConnection, rightSockShutdown)
	if errno != success {
		return errno
	}
	how, ok := map[uint64]int{
		shutReceiving: unix.SHUT_RD, shutSending: unix.SHUT_WR, shutReceiving | shutSending: unix.SHUT_RDWR,
	}[a[1]]
	if !ok {
		return eInval
	}
	return toErrno(unix.Shutdown(f.fd, how))
}

func (f *file) receive(b []byte, flags int) (int, error) {
	return f.whenReady(unix.POLLIN, func() (int, error) {
		n, _, err := unix.Recvfrom(f.fd, b, flags)
		return n, err
	})
}

// send writes to a connection. With nobody to read, the guest gets EPIPE and the worker no signal.
func (f *file) send(b []byte) (int, error) {
	return f.whenReady(unix.POLLOUT, func() (int, error) {
		return unix.SendmsgN(f.fd, b, nil, nil, unix.MSG_NOSIGNAL)
	})
}
