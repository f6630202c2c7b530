package api

import (
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"

	"github.com/hashicorp/go-hclog"
)

// A peerListener yields connections whose other end runs as our own user or as root. Others are
// closed before a byte is read.
type peerListener struct {
	net.Listener
	log hclog.Logger
}

func newPeerListener(l net.Listener, log hclog.Logger) *peerListener {
	return &peerListener{Listener: l, log: log}
}

// Accept returns the next connection of a user who may connect.
func (l *peerListener) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		uid, err := peerUID(conn)
		if err == nil && (uid == os.Geteuid() || uid == 0) {
			return conn, nil
		}
		l.log.Warn("a connection was refused", "socket", l.Addr().String(), "uid", uid, "error", err)
		conn.Close()
	}
}

// peerUID asks the kernel which user connected.
func peerUID(conn net.Conn) (uid int, err error) {
	if c, ok := conn.(*limitConn); ok {
		conn = c.Conn
	}
	sc, ok := conn.(syscall.Conn)
	if !ok {
		return -1, fmt.Errorf("%T is not a socket", conn)
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return -1, err
	}
	var asked error
	if err := raw.Control(func(fd uintptr) { uid, asked = uidOfPeer(int(fd)) }); err != nil {
		return -1, err
	}
	if asked != nil {
		return -1, asked
	}
	return uid, nil
}

// refused reports whether err says that nobody listens on a socket.
func refused(err error) bool {
	return errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, syscall.ENOENT)
}
