package api

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"time"
)

// ServeUnix serves HTTP on a Unix socket at path, to the host's own user and root. It replaces the
// socket that a dead host has left, but not one on which somebody answers. It returns once the socket
// can be connected to; Shutdown removes it.
func (s *Server) ServeUnix(path string) error {
	l, err := s.listenUnix(path)
	if err != nil {
		return err
	}
	if err := s.serveHTTP(l, socketGuard{}); err != nil {
		l.Close()
		return err
	}
	return nil
}

// ServeTCP serves HTTP on a loopback address, such as 127.0.0.1:0, to holders of the token in
// endpointFile. It makes that file, 0600, where there is none, keeps the token that is there, and
// writes the address into it. It returns the address once it can be connected to.
func (s *Server) ServeTCP(address, endpointFile string) (netip.AddrPort, error) {
	l, addr, err := listenLoopback(address)
	if err != nil {
		return netip.AddrPort{}, err
	}
	token, err := publishEndpoint(endpointFile, addr.String())
	if err != nil {
		l.Close()
		return netip.AddrPort{}, err
	}
	limited := newLimitListener(l, s.options.MaxConnections)
	if err := s.serveHTTP(limited, newTokenGuard(addr, token)); err != nil {
		l.Close()
		return netip.AddrPort{}, err
	}
	s.afterStop(func() {
		// Who comes later must not send the token to whatever listens there then.
		if _, err := publishEndpoint(endpointFile, ""); err != nil {
			s.log.Warn("the address of this host stays published", "file", endpointFile, "error", err)
		}
	})
	return addr, nil
}

// afterStop has f called when all listeners have stopped.
func (s *Server) afterStop(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cleanup = append(s.cleanup, f)
}

// CheckSocketPath refuses paths that the system cannot bind a Unix socket to.
func CheckSocketPath(path string) error {
	if len(path) > maxSocketPath {
		return fmt.Errorf("socket path %s: it has %d bytes and the system allows %d: choose a shorter state directory",
			path, len(path), maxSocketPath)
	}
	return nil
}

// listenUnix returns a listener that yields connections of our user and root only.
func (s *Server) listenUnix(path string) (net.Listener, error) {
	if err := CheckSocketPath(path); err != nil {
		return nil, err
	}
	if err := removeStale(path); err != nil {
		return nil, err
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	// Between bind and chmod others may connect; the kernel's word on who they are turns them away.
	if err := os.Chmod(path, 0o600); err != nil {
		l.Close()
		return nil, fmt.Errorf("listen: %w", err)
	}
	return newPeerListener(newLimitListener(l, s.options.MaxConnections), s.log), nil
}

// removeStale removes a socket on which nobody answers.
func removeStale(path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	if info.Mode().Type() != os.ModeSocket {
		return fmt.Errorf("listen on %s: there is something that is not a socket: move it away", path)
	}
	conn, err := net.DialTimeout("unix", path, time.Second)
	if err == nil {
		conn.Close()
		return fmt.Errorf("listen on %s: another host answers there: stop it, or choose another state directory", path)
	}
	if !refused(err) {
		return fmt.Errorf("listen on %s: a socket is there and whether it is in use cannot be told: %w", path, err)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("listen: %w", err)
	}
	return nil
}

// listenLoopback listens on TCP where only this machine can connect.
func listenLoopback(address string) (net.Listener, netip.AddrPort, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, netip.AddrPort{}, fmt.Errorf("listen on %q: want an address such as 127.0.0.1:0: %w", address, err)
	}
	if ip, err := netip.ParseAddr(host); host != "localhost" && (err != nil || !ip.IsLoopback()) {
		return nil, netip.AddrPort{}, errNotLoopback(address)
	}
	var c net.ListenConfig
	c.SetMultipathTCP(false) // its subflows evade rules for TCP
	l, err := c.Listen(context.Background(), "tcp", address)
	if err != nil {
		return nil, netip.AddrPort{}, fmt.Errorf("listen: %w", err)
	}
	addr := l.Addr().(*net.TCPAddr).AddrPort()
	addr = netip.AddrPortFrom(addr.Addr().Unmap(), addr.Port())
	if !addr.Addr().IsLoopback() {
		l.Close()
		return nil, netip.AddrPort{}, errNotLoopback(address)
	}
	return l, addr, nil
}

func errNotLoopback(address string) error {
	return fmt.Errorf("listen on %q: only loopback is served, without TLS: use 127.0.0.1, [::1] or localhost", address)
}
