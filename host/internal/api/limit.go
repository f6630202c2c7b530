package api

import (
	"errors"
	"net"
	"sync"
)

// A limitListener bounds the connections that are open at once. One too many is closed at once, so
// that its client hears of it, rather than left waiting.
type limitListener struct {
	net.Listener
	slots chan struct{} // cap: connections that are open
}

func newLimitListener(l net.Listener, most int) *limitListener {
	return &limitListener{Listener: l, slots: make(chan struct{}, most)}
}

// Accept returns the next connection within the limit.
func (l *limitListener) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		select {
		case l.slots <- struct{}{}:
			return &limitConn{Conn: conn, release: sync.OnceFunc(func() { <-l.slots })}, nil
		default:
			conn.Close()
		}
	}
}

// A limitConn gives its place back when it is closed.
type limitConn struct {
	net.Conn
	release func()
}

// Close closes the connection and gives its place back.
func (c *limitConn) Close() error {
	err := c.Conn.Close()
	c.release()
	return err
}

// CloseWrite tells the other end that nothing more comes, and leaves it time to read the rest.
func (c *limitConn) CloseWrite() error {
	if w, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return w.CloseWrite()
	}
	return errors.ErrUnsupported
}
