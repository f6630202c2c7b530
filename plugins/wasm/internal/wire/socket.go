package wire

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// pair makes both ends of a socket: the plugin's, which does not block a thread, and the worker's, which does.
func pair() (parent, child *os.File, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("make socket: %w", err)
	}
	if err := unix.SetNonblock(fds[0], true); err != nil {
		unix.Close(fds[0])
		unix.Close(fds[1])
		return nil, nil, fmt.Errorf("make socket: %w", err)
	}
	return os.NewFile(uintptr(fds[0]), "worker"), os.NewFile(uintptr(fds[1]), "plugin"), nil
}

// numbers returns the descriptors of files without changing their mode, as [os.File.Fd] would.
func numbers(files []*os.File) ([]int, error) {
	fds := make([]int, 0, len(files))
	for _, f := range files {
		c, err := f.SyscallConn()
		if err == nil {
			err = c.Control(func(fd uintptr) { fds = append(fds, int(fd)) })
		}
		if err != nil {
			return nil, fmt.Errorf("send %s: %w", f.Name(), err)
		}
	}
	return fds, nil
}

// linger is how long a worker waits for a message without letting go of its processor. In Go, another thread
// would else take that away at once, and both would have to be woken for the next job.
const linger = 2 * time.Millisecond

// patient bounds the waits of receive.
func patient(fd int) error {
	tv := unix.NsecToTimeval(int64(linger))
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &tv); err != nil {
		return fmt.Errorf("set up socket: %w", err)
	}
	return nil
}

// receive waits for a message on a socket that blocks. It returns io.EOF when the other end is gone.
func receive(fd int, buf, oob []byte) (message []byte, fds []int, err error) {
	for {
		n, oobn, flags, err := recvmsg(fd, buf, oob)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.EAGAIN):
			_, _ = unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, -1)
			continue
		case errors.Is(err, unix.ECONNRESET), err == nil && n == 0:
			return nil, nil, io.EOF
		case err != nil:
			return nil, nil, fmt.Errorf("receive: %w", err)
		case flags&(unix.MSG_TRUNC|unix.MSG_CTRUNC) != 0:
			return nil, nil, fmt.Errorf("%w: message too large", ErrProtocol)
		}
		fds, err = rights(oob[:oobn])
		return buf[:n], fds, err
	}
}

// recvmsg is the system call, without telling the scheduler that it may wait: for that long nothing else of the
// process runs on this processor, and no collection of garbage begins, so the socket has to be patient.
func recvmsg(fd int, buf, oob []byte) (n, oobn, flags int, err error) {
	iov := unix.Iovec{Base: &buf[0], Len: uint64(len(buf))}
	msg := unix.Msghdr{Iov: &iov, Iovlen: 1, Control: &oob[0], Controllen: uint64(len(oob))}
	r, _, errno := unix.RawSyscall(unix.SYS_RECVMSG, uintptr(fd), uintptr(unsafe.Pointer(&msg)), unix.MSG_CMSG_CLOEXEC)
	if errno != 0 {
		return 0, 0, 0, errno
	}
	return int(r), int(msg.Controllen), int(msg.Flags), nil
}

func rights(oob []byte) ([]int, error) {
	if len(oob) == 0 {
		return nil, nil
	}
	messages, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrProtocol, err)
	}
	var fds []int
	for _, m := range messages {
		more, err := unix.ParseUnixRights(&m)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrProtocol, err)
		}
		fds = append(fds, more...)
	}
	return fds, nil
}
