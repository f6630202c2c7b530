package wire

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Mode is the argument that makes a binary a worker.
const Mode = "worker"

// ErrGone is wrapped when a worker ended without saying how its job did: killed, or crashed. All output up
// to its end has been handed on. How it ended is for the one who waits for the process.
var ErrGone = errors.New("the worker is gone")

// A Parent is the plugin's end of the way to one worker.
type Parent struct {
	socket *os.File
	conn   syscall.RawConn // of socket
	shared *shared
	ring   *os.File // until it is sent
	taker  taker
	ends   pace // of jobs
	gaps   pace // between jobs, in which the worker waits
	ended  time.Time

	throttled atomic.Int64 // nanoseconds, of the last job

	once  sync.Once
	hurry chan struct{} // closed by Hurry
}

// NewParent makes the way to a worker that is yet to be started, and the file that becomes its descriptor 3.
// The caller closes that file once the worker is started.
func NewParent() (*Parent, *os.File, error) {
	s, ring, err := newShared()
	if err != nil {
		return nil, nil, err
	}
	socket, child, err := pair()
	if err != nil {
		ring.Close()
		return nil, nil, errors.Join(err, s.close())
	}
	conn, err := socket.SyscallConn()
	if err != nil {
		return nil, nil, errors.Join(err, ring.Close(), socket.Close(), child.Close(), s.close())
	}
	return &Parent{socket: socket, conn: conn, shared: s, ring: ring, taker: taker{shared: s},
		ends: pace{patience}, gaps: pace{patience}, hurry: make(chan struct{})}, child, nil
}

// Load makes the worker ready and waits until it is. It returns a *RefusalError if the worker says no, and
// ErrGone if it ended. The files stay the caller's. When ctx ends first, the worker is of no more use.
func (p *Parent) Load(ctx context.Context, l Load) (Ready, error) {
	if p.ring == nil {
		return Ready{}, errors.New("load: the worker has its module already")
	}
	e, files, err := l.encode()
	if err != nil {
		return Ready{}, err
	}
	stop := context.AfterFunc(ctx, func() { _ = p.socket.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	err = p.send(e.b, append(files, p.ring))
	p.ring.Close()
	p.ring = nil
	if err != nil {
		return Ready{}, err
	}
	var r Ready
	err = p.receive(func(k kind, d *decoder) error {
		switch k {
		case kindReady:
			return r.decode(d)
		case kindRefusal:
			reason := d.string()
			if err := d.end(); err != nil {
				return err
			}
			return &RefusalError{Reason: clip(reason, MaxTrap)}
		}
		return fmt.Errorf("%w: message %d where Ready was expected", ErrProtocol, k)
	})
	if err != nil && ctx.Err() != nil {
		err = fmt.Errorf("load module: %w", context.Cause(ctx))
	}
	return r, err
}

// Hurry says that the worker is being killed: output that waits because of its rate is handed on at once. It
// may be called at any time.
func (p *Parent) Hurry() { p.once.Do(func() { close(p.hurry) }) }

// Close gives up the socket, at which a worker that waits for a job exits, and the shared memory. Call it
// after Run has returned.
func (p *Parent) Close() error {
	if p.ring != nil {
		p.ring.Close()
	}
	return errors.Join(p.socket.Close(), p.shared.close())
}

// send hands a message to the worker, with descriptors.
func (p *Parent) send(message []byte, files []*os.File) error {
	if len(message) > MaxMessage {
		return fmt.Errorf("message of %d bytes, at most %d are possible: fewer arguments or variables", len(message), MaxMessage)
	}
	fds, err := numbers(files)
	if err != nil {
		return err
	}
	var oob []byte
	if len(fds) > 0 {
		oob = unix.UnixRights(fds...)
	}
	var sent error
	err = p.conn.Write(func(fd uintptr) bool {
		for {
			sent = unix.Sendmsg(int(fd), message, oob, nil, unix.MSG_NOSIGNAL)
			if !errors.Is(sent, unix.EINTR) {
				return !errors.Is(sent, unix.EAGAIN)
			}
		}
	})
	if err == nil {
		err = sent
	}
	switch {
	case errors.Is(err, unix.EPIPE), errors.Is(err, unix.ECONNRESET):
		return ErrGone
	case err != nil:
		return fmt.Errorf("send: %w", err)
	}
	return nil
}

// messageBuffers hold what workers say. A parent that waits for its worker has none.
var messageBuffers = sync.Pool{New: func() any { return new([2*MaxTrap + 4096]byte) }}

// receive waits for a message until the socket's read deadline, and gives it to handle, which must not keep
// it. Descriptors that come with it are dropped by the kernel.
func (p *Parent) receive(handle func(k kind, d *decoder) error) error {
	var buf *[2*MaxTrap + 4096]byte
	n, got := 0, error(nil)
	err := p.conn.Read(func(fd uintptr) bool {
		buf = messageBuffers.Get().(*[2*MaxTrap + 4096]byte)
		for {
			n, got = unix.Read(int(fd), buf[:])
			// An error of the socket is told before what is left to read, and once.
			if !errors.Is(got, unix.EINTR) && !errors.Is(got, unix.ECONNRESET) {
				break
			}
		}
		if errors.Is(got, unix.EAGAIN) {
			messageBuffers.Put(buf)
			return false
		}
		return true
	})
	if err != nil {
		return err
	}
	defer messageBuffers.Put(buf)
	switch {
	case got != nil:
		return fmt.Errorf("receive: %w", got)
	case n == 0:
		return ErrGone
	}
	return handle(kind(buf[0]), &decoder{b: buf[1:n]})
}
