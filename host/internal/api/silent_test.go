package api

import (
	"context"
	"net"
	"testing"
	"time"
)

// A connection that a client holds in reserve is no request to wait for.
func TestShutdownDoesNotWaitForConnectionsWithoutARequest(t *testing.T) {
	b := setup(t)
	for range 3 {
		conn, err := net.Dial("unix", b.socket)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
	}
	resp, err := b.client(t).Get("http://localhost/livez") // the server has accepted the others before
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	began := time.Now()
	if err := b.server.Shutdown(ctx); err != nil {
		t.Error(err)
	}
	if took := time.Since(began); took > 3*time.Second {
		t.Errorf("it took %s", took)
	}
}
