package sdk

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync/atomic"
	"syscall"

	"google.golang.org/grpc/credentials"
)

// PeerCredentials returns gRPC transport credentials for Unix sockets. They encrypt nothing, because
// nothing leaves the machine; instead they ask the kernel who is at the other end. The peer must run
// as our own user or as root, and must be the process pid; pid 0 takes any process of these users.
// They work in both directions: a host passes the pid of the plugin that it started, a plugin that
// of its host.
func PeerCredentials(pid int) credentials.TransportCredentials {
	return &peerCredentials{pid: pid}
}

// ErrPeer is wrapped by the error of a handshake with a process that is not the expected one.
var ErrPeer = errors.New("unexpected process at the other end of the socket")

// PeerInfo says who is at the other end of a connection made with [PeerCredentials]. It is the
// AuthInfo of the connection.
type PeerInfo struct {
	credentials.CommonAuthInfo
	PID int // its process, as seen from our pid namespace
	UID int // its effective user when the connection was made

	conn *peerConn
}

// AuthType names the mechanism.
func (PeerInfo) AuthType() string { return "unix-peer" }

type peerCredentials struct{ pid int }

func (c *peerCredentials) ClientHandshake(
	_ context.Context, _ string, conn net.Conn,
) (net.Conn, credentials.AuthInfo, error) {
	return c.check(conn)
}

func (c *peerCredentials) ServerHandshake(conn net.Conn) (net.Conn, credentials.AuthInfo, error) {
	return c.check(conn)
}

func (c *peerCredentials) Info() credentials.ProtocolInfo {
	return credentials.ProtocolInfo{SecurityProtocol: "unix-peer"}
}

func (c *peerCredentials) Clone() credentials.TransportCredentials {
	clone := *c
	return &clone
}

// OverrideServerName does nothing: a socket's peer has no name.
func (c *peerCredentials) OverrideServerName(string) error { return nil }

func (c *peerCredentials) check(conn net.Conn) (net.Conn, credentials.AuthInfo, error) {
	pid, uid, err := peerOf(conn)
	if err != nil {
		return nil, nil, err
	}
	if uid != os.Geteuid() && uid != 0 {
		return nil, nil, fmt.Errorf("%w: user %d, want %d or root", ErrPeer, uid, os.Geteuid())
	}
	if c.pid != 0 && pid != c.pid {
		return nil, nil, fmt.Errorf("%w: process %d, want %d", ErrPeer, pid, c.pid)
	}
	watched := &peerConn{Conn: conn}
	info := PeerInfo{
		// The kernel carries the bytes and nobody else sees them.
		CommonAuthInfo: credentials.CommonAuthInfo{SecurityLevel: credentials.PrivacyAndIntegrity},
		PID:            pid,
		UID:            uid,
		conn:           watched,
	}
	return watched, info, nil
}

// peerOf asks the kernel for the process and the user at the other end of conn.
func peerOf(conn net.Conn) (pid, uid int, err error) {
	sc, ok := conn.(syscall.Conn)
	if !ok {
		return 0, 0, fmt.Errorf("peer credentials: %T is not a socket", conn)
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return 0, 0, fmt.Errorf("peer credentials: %w", err)
	}
	var asked error
	if err := raw.Control(func(fd uintptr) { pid, uid, asked = peerOfFD(int(fd)) }); err != nil {
		return 0, 0, fmt.Errorf("peer credentials: %w", err)
	}
	if asked != nil {
		return 0, 0, fmt.Errorf("peer credentials: %w", asked)
	}
	return pid, uid, nil
}

// A peerConn remembers how its connection ended, so that a stream's end can be told apart: the peer
// canceled it, the peer is gone, or we closed the connection ourselves.
type peerConn struct {
	net.Conn
	end atomic.Int32 // a connEnd; set before the read that found it returns
}

type connEnd int32

const (
	connOpen   connEnd = iota
	connLost           // the other end closed it, or is gone
	connClosed         // we closed it
)

func (c *peerConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
		end := connLost
		if errors.Is(err, net.ErrClosed) {
			end = connClosed
		}
		c.end.CompareAndSwap(int32(connOpen), int32(end))
	}
	return n, err
}

func (c *peerConn) Close() error {
	c.end.CompareAndSwap(int32(connOpen), int32(connClosed))
	return c.Conn.Close()
}
