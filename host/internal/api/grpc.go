package api

import (
	"context"

	"google.golang.org/grpc"
)

// stopGRPC ends srv gracefully until ctx ends, and then at once.
func stopGRPC(ctx context.Context, srv *grpc.Server) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		srv.GracefulStop()
	}()
	select {
	case <-done:
	case <-ctx.Done():
		srv.Stop()
		<-done
	}
}
