package launch

import (
	"context"
	"errors"
	"net"
	"time"

	"github.com/hashicorp/go-hclog"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/soltihq/solti-host/sdk"
)

// connect makes the connection, which is established with the first call. Only the process that was
// started is spoken to, and messages are bounded in both directions.
func (p *Process) connect(socket string) error {
	conn, err := grpc.NewClient("passthrough:///"+socket,
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) {
			if err := checkSocket(socket, p.cfg.Dir); err != nil {
				return nil, err
			}
			var d net.Dialer
			return d.DialContext(ctx, "unix", socket)
		}),
		grpc.WithTransportCredentials(sdk.PeerCredentials(p.pid)),
		grpc.WithDefaultCallOptions(
			grpc.MaxCallRecvMsgSize(sdk.MaxMessage), grpc.MaxCallSendMsgSize(sdk.MaxMessage)),
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: 50 * time.Millisecond, Multiplier: 2, MaxDelay: time.Second},
			MinConnectTimeout: 2 * time.Second,
		}),
		grpc.WithIdleTimeout(0),
		grpc.WithDisableServiceConfig(),
		grpc.WithMaxHeaderListSize(64<<10),
	)
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.reaped {
		_ = conn.Close()
		return errEnded
	}
	p.conn = conn
	p.readers.Go(func() { p.readStdio(conn) })
	return nil
}

var errEnded = errors.New("it ended right after its first line")

// readStdio logs what the plugin's code prints after the handshake: go-plugin's server leads that
// into a stream of its own, and blocks when nobody reads it. A plugin without that service is fine.
func (p *Process) readStdio(conn *grpc.ClientConn) {
	l := newLineLog(p.cfg.Log, p.cfg.Count, nil, hclog.Debug, "print")
	defer l.close()
	// The connection's end ends the stream.
	stream, err := conn.NewStream(context.Background(), &grpc.StreamDesc{ServerStreams: true},
		"/plugin.GRPCStdio/StreamStdio", grpc.WaitForReady(true))
	if err != nil {
		return
	}
	if stream.SendMsg(&emptypb.Empty{}) != nil || stream.CloseSend() != nil {
		return
	}
	readLines(&stdioReader{stream: stream}, l.line)
}

// A stdioReader reads the data of go-plugin's StdioData messages, whose generated type is internal to
// go-plugin: the fields are taken from what an empty message does not know.
type stdioReader struct {
	stream grpc.ClientStream
	rest   []byte
}

// Read returns the next bytes that were printed, to whichever stream.
func (r *stdioReader) Read(b []byte) (int, error) {
	for len(r.rest) == 0 {
		var m emptypb.Empty
		if err := r.stream.RecvMsg(&m); err != nil {
			return 0, err
		}
		r.rest = stdioData(m.ProtoReflect().GetUnknown())
	}
	n := copy(b, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

// stdioData returns field 2, bytes, of a message; nothing if it is not well formed.
func stdioData(b []byte) []byte {
	for len(b) > 0 {
		num, typ, n := protowire.ConsumeTag(b)
		if n < 0 {
			return nil
		}
		b = b[n:]
		if num == 2 && typ == protowire.BytesType {
			data, n := protowire.ConsumeBytes(b)
			if n < 0 {
				return nil
			}
			return data
		}
		n = protowire.ConsumeFieldValue(num, typ, b)
		if n < 0 {
			return nil
		}
		b = b[n:]
	}
	return nil
}
