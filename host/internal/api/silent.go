package api

import (
	"net"
	"net/http"
	"sync"
)

// silent holds the connections on which no request has come yet. Clients keep such in reserve, and
// [http.Server.Shutdown] would wait for some seconds for their first request.
type silent struct {
	mu     sync.Mutex
	closed bool                  // guarded by mu; there are to be none any more
	conns  map[net.Conn]struct{} // guarded by mu
}

// changed is told every change of a connection's state.
func (s *silent) changed(c net.Conn, to http.ConnState) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if to != http.StateNew {
		delete(s.conns, c)
		return
	}
	if s.closed {
		_ = c.Close() // its reader notices
		return
	}
	if s.conns == nil {
		s.conns = map[net.Conn]struct{}{}
	}
	s.conns[c] = struct{}{}
}

// close closes the connections, and those to come.
func (s *silent) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for c := range s.conns {
		_ = c.Close() // its reader notices
	}
}
