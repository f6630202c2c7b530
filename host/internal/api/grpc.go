package api

import (
	"context"
	"errors"
	"fmt"
	"path"
	"runtime/debug"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/status"

	"github.com/soltihq/solti-host/host/task"
	apiv1 "github.com/soltihq/solti-host/shared/proto/solti/api/v1"
	taskv1 "github.com/soltihq/solti-host/shared/proto/solti/task/v1"
)

// maxStreams bounds the calls that are open at once on one connection.
const maxStreams = 100

// ServeGRPC serves solti.api.v1 on a Unix socket of its own at path, to the host's own user and root,
// under the rules of [Server.ServeUnix].
func (s *Server) ServeGRPC(path string) error {
	l, err := s.listenUnix(path)
	if err != nil {
		return err
	}
	srv := grpc.NewServer(
		grpc.MaxRecvMsgSize(MaxBody), grpc.MaxSendMsgSize(MaxBody),
		grpc.MaxConcurrentStreams(maxStreams), grpc.MaxHeaderListSize(maxHeader), grpc.ConnectionTimeout(headerTimeout),
		grpc.KeepaliveParams(keepalive.ServerParameters{MaxConnectionIdle: idleTimeout}),
		grpc.UnaryInterceptor(s.interceptUnary), grpc.StreamInterceptor(s.interceptStream),
	)
	apiv1.RegisterTaskServiceServer(srv, &taskService{server: s})
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		l.Close()
		return task.ErrClosed
	}
	s.grpc = append(s.grpc, srv)
	s.serving.Go(func() {
		if err := srv.Serve(&patientListener{l, s.options.patience}); err != nil && !errors.Is(err, grpc.ErrServerStopped) {
			s.report(err)
		}
	})
	return nil
}

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

func (s *Server) interceptUnary(
	ctx context.Context, req any, info *grpc.UnaryServerInfo, handle grpc.UnaryHandler,
) (resp any, err error) {
	err = s.observeRPC(info.FullMethod, func() error {
		resp, err = handle(ctx, req)
		return err
	})
	return resp, err
}

func (s *Server) interceptStream(
	srv any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handle grpc.StreamHandler,
) error {
	return s.observeRPC(info.FullMethod, func() error { return handle(srv, stream) })
}

// observeRPC calls f, counts it, and returns its error as a gRPC status. A panic is an error too.
func (s *Server) observeRPC(method string, f func() error) (err error) {
	begin := time.Now()
	s.observer.Begin(transportGRPC)
	defer func() {
		if p := recover(); p != nil {
			s.log.Error("a request handler panicked", "method", method, "panic", p, "stack", string(debug.Stack()))
			err = s.rpcError(method, errors.New("panic"))
		}
		service, name := path.Split(method)
		s.observer.End(Request{
			Transport: transportGRPC, Method: name, Path: path.Clean(service),
			Status: status.Code(err).String(), Duration: time.Since(begin),
		})
	}()
	return s.rpcError(method, f())
}

// Bounds of the details of a failure, in bytes: they travel in a header, of which many clients take
// 8 KiB only.
const (
	maxRPCMessage    = 2 << 10
	maxRPCViolations = 2 << 10
)

// rpcError returns err as a gRPC status with a solti.task.v1.Failure as its detail.
func (s *Server) rpcError(method string, err error) error {
	if err == nil {
		return nil
	}
	class, known := classify(err)
	if _, ok := status.FromError(err); ok && !known {
		return err // of the transport
	}
	answer, hidden := statusOf(err)
	if hidden {
		s.log.Error("a request failed", "method", method, "error", err)
	}
	f := &taskv1.Failure{Reason: string(answer.Reason), Message: clip(answer.Message, maxRPCMessage)}
	room := maxRPCViolations
	for _, v := range fieldsOf(err) {
		if room -= len(v.Path) + len(v.Message); room < 0 {
			break
		}
		f.Violations = append(f.Violations, &taskv1.FieldViolation{Path: v.Path, Message: v.Message})
	}
	st, detailErr := status.New(class.grpc, clip(answer.Message, maxRPCMessage)).WithDetails(f)
	if detailErr != nil {
		return fmt.Errorf("describe a failure: %w", detailErr)
	}
	return st.Err()
}

// clip returns at most n bytes of s, as valid UTF-8.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && s[n]&0xc0 == 0x80 { // within a character
		n--
	}
	return s[:n]
}
