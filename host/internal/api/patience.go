package api

import (
	"fmt"
	"net"
	"sync"
	"time"

	"google.golang.org/grpc"

	"github.com/soltihq/solti-host/host/task"
	apiv1 "github.com/soltihq/solti-host/shared/proto/solti/api/v1"
)

// Over HTTP a write deadline bounds how long a client may leave an answer lie. Over gRPC there are two
// places to wait at: the connection, and the flow control of one call.

// A patientListener's connections end when the other end takes nothing of a write for too long.
type patientListener struct {
	net.Listener
	patience time.Duration
}

// Accept returns the next connection.
func (l *patientListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &patientConn{conn, l.patience}, nil
}

type patientConn struct {
	net.Conn
	patience time.Duration
}

// Write writes b in time, or fails with os.ErrDeadlineExceeded.
func (c *patientConn) Write(b []byte) (int, error) {
	if err := c.SetWriteDeadline(time.Now().Add(c.patience)); err != nil {
		return 0, err
	}
	return c.Conn.Write(b)
}

// A patientStream sends one message after the other, and gives up when one is not taken in time. The
// last one may then still be on its way: it ends with its call, which ends when the handler returns.
type patientStream struct {
	patience time.Duration
	timer    *time.Timer
	messages chan *apiv1.StreamOutputResponse
	sent     chan error // cap: the message that nobody waits for any more
}

// newPatientStream starts the goroutine that sends; sending waits for it. The caller calls close.
func newPatientStream(
	stream grpc.ServerStreamingServer[apiv1.StreamOutputResponse], patience time.Duration, sending *sync.WaitGroup,
) *patientStream {
	p := &patientStream{
		patience: patience, timer: time.NewTimer(patience),
		messages: make(chan *apiv1.StreamOutputResponse), sent: make(chan error, 1),
	}
	sending.Go(func() {
		for m := range p.messages {
			p.sent <- stream.Send(m)
		}
	})
	return p
}

// send returns when m is on its way. After an error there is no further send.
func (p *patientStream) send(m *apiv1.StreamOutputResponse) error {
	p.timer.Reset(p.patience)
	p.messages <- m // the goroutine is idle: it has sent what was before
	select {
	case err := <-p.sent:
		return err
	case <-p.timer.C:
		return &task.Error{
			Reason:  task.ReasonDeadline,
			Message: fmt.Sprintf("the output was not taken for %v: ask again from the place after the last message", p.patience),
		}
	}
}

func (p *patientStream) close() {
	p.timer.Stop()
	close(p.messages)
}
