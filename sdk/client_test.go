package sdk_test

import (
	"context"
	"errors"
	"io"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	pluginv1 "github.com/soltihq/solti-host/shared/proto/solti/plugin/v1"

	"time"
)

// A stream reads the frames of one attempt.
type stream struct {
	grpc.ServerStreamingClient[pluginv1.RunTaskResponse]
	cancel  context.CancelFunc
	pending []*pluginv1.Frame
}

func startRun(t *testing.T, client pluginv1.RunnerServiceClient, req *pluginv1.RunTaskRequest) *stream {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	t.Cleanup(cancel)
	s, err := client.RunTask(ctx, req)
	if err != nil {
		t.Fatal(err)
	}
	return &stream{ServerStreamingClient: s, cancel: cancel}
}

// next returns the next frame, or nil and how the stream ended.
func (s *stream) next() (*pluginv1.Frame, error) {
	for len(s.pending) == 0 {
		m, err := s.Recv()
		if err != nil {
			return nil, err
		}
		s.pending = m.Frames
	}
	f := s.pending[0]
	s.pending = s.pending[1:]
	return f, nil
}

// until reads up to the first frame that is wanted.
func (s *stream) until(t *testing.T, wanted func(*pluginv1.Frame) bool) *pluginv1.Frame {
	t.Helper()
	for {
		f, err := s.next()
		if err != nil {
			t.Fatalf("the stream ended: %v", err)
		}
		if wanted(f) {
			return f
		}
	}
}

func (s *stream) started(t *testing.T) *pluginv1.Started {
	t.Helper()
	return s.until(t, func(f *pluginv1.Frame) bool { return f.GetStarted() != nil }).GetStarted()
}

// exited reads to the end, which must follow Exited.
func (s *stream) exited(t *testing.T) *pluginv1.Exited {
	t.Helper()
	x := s.until(t, func(f *pluginv1.Frame) bool { return f.GetExited() != nil }).GetExited()
	if f, err := s.next(); !errors.Is(err, io.EOF) {
		t.Fatalf("after Exited came %v, %v", f, err)
	}
	return x
}

// refused reads the error of a call that makes no attempt.
func (s *stream) refused(t *testing.T, code codes.Code, reason pluginv1.Reason) {
	t.Helper()
	f, err := s.next()
	if f != nil {
		t.Fatalf("got frame %v, want an error", f)
	}
	wantRefusal(t, err, code, reason)
}

func wantRefusal(t *testing.T, err error, code codes.Code, reason pluginv1.Reason) {
	t.Helper()
	st := status.Convert(err)
	if st.Code() != code || len(st.Details()) != 1 {
		t.Fatalf("got %v with details %v, want %v", err, st.Details(), code)
	}
	if d, ok := st.Details()[0].(*pluginv1.ErrorDetail); !ok || d.Reason != reason {
		t.Fatalf("details %v, want %v", st.Details(), reason)
	}
}

func wantResult(t *testing.T, x *pluginv1.Exited, want pluginv1.Result) {
	t.Helper()
	if x.Result != want {
		t.Errorf("ended with %v, want %v", x, want)
	}
}

// runRequest asks for an attempt whose handle is built on the way and called like the run.
func runRequest(id string) *pluginv1.RunTaskRequest {
	return &pluginv1.RunTaskRequest{
		RunId: id, HandleId: id, Attempt: 1, Build: buildRequest(id, `{}`),
	}
}

func stopRun(t *testing.T, client pluginv1.RunnerServiceClient, id string, grace time.Duration) {
	t.Helper()
	_, err := client.StopTask(t.Context(), &pluginv1.StopTaskRequest{
		RunId: id, Reason: pluginv1.StopReason_STOP_REASON_TIMEOUT, Grace: durationpb.New(grace),
	})
	if err != nil {
		t.Errorf("StopTask: %v", err)
	}
}
