package sdk

import (
	"context"
	"fmt"
	"runtime"
	"runtime/debug"

	"google.golang.org/grpc"
	"google.golang.org/grpc/peer"

	pluginv1 "github.com/soltihq/solti-host/shared/proto/solti/plugin/v1"
)

// RunTask makes one attempt. The calling goroutine sends the attempt's frames; a second one runs it
// and outlives the call when the host stops listening.
func (s *Service) RunTask(
	req *pluginv1.RunTaskRequest, stream grpc.ServerStreamingServer[pluginv1.RunTaskResponse],
) error {
	s.runs.calling(+1)
	defer s.runs.calling(-1)
	a, err := s.admit(req)
	if err != nil {
		return toStatus(err)
	}
	if err := s.begin(a, req, stream.Context()); err != nil {
		return toStatus(err)
	}
	out := sender{queue: &a.queue, heartbeat: s.heartbeat, send: stream.Send}
	complete, err := out.run(stream.Context().Done())
	if complete && err == nil {
		return nil
	}
	a.abandon(connEndOf(stream.Context()))
	if err == nil {
		err = stream.Context().Err()
	}
	return toStatus(err)
}

// admit checks a request and makes its attempt live.
func (s *Service) admit(req *pluginv1.RunTaskRequest) (*attempt, error) {
	id, err := s.whoami()
	switch {
	case err != nil:
		return nil, err
	case req.RunId == "":
		return nil, misuse("run_id is missing")
	case req.HandleId == "":
		return nil, misuse("handle_id is missing")
	case req.Build != nil:
		if req.Build.HandleId != req.HandleId || req.Build.DryRun {
			return nil, misuse("build is for handle %q, want %q and no dry run", req.Build.HandleId, req.HandleId)
		}
		if err := s.checkBuild(req.Build); err != nil {
			return nil, err
		}
	}
	a := newAttempt(req, s.log)
	if err := s.runs.add(a, id.maxRuns); err != nil {
		a.end()
		return nil, err
	}
	return a, nil
}

// begin gets hold of the task and runs it. An error means that no attempt has been made of it.
func (s *Service) begin(a *attempt, req *pluginv1.RunTaskRequest, caller context.Context) error {
	h := s.handles.acquireReady(req.HandleId, req.RunId)
	if h == nil {
		var err error
		if h, err = s.acquire(a, req, caller); err != nil {
			stopped := a.end()
			s.runs.remove(a, stopped)
			if !stopped {
				return err
			}
			a.queue.finish(exited(context.Cause(a.ctx), true), false)
			return nil
		}
	}
	s.work.Add(1)
	go s.perform(a, h)
	runtime.Gosched() // an attempt that ends at once is told in one message
	return nil
}

// acquire builds the task, or waits for somebody who does, as long as nobody stops the attempt.
func (s *Service) acquire(a *attempt, req *pluginv1.RunTaskRequest, caller context.Context) (*handle, error) {
	listening := context.AfterFunc(caller, func() { a.abandon(connEndOf(caller)) })
	defer listening()
	return s.handles.acquire(a.ctx, req)
}

// perform runs an attempt of h to its end and says how it ended.
func (s *Service) perform(a *attempt, h *handle) {
	defer s.work.Done()
	var x *pluginv1.Exited
	defer func() { // also after runtime.Goexit
		if x == nil {
			x = s.panicked(a, recover())
		}
		s.handles.done(h)
		s.runs.remove(a, true)
		began := x.Result != pluginv1.Result_RESULT_START_FAILED && x.Result != pluginv1.Result_RESULT_CANCELED
		a.queue.finish(x, began)
	}()
	if a.ctx.Err() != nil { // stopped before it began
		x = exited(context.Cause(a.ctx), a.end())
		return
	}
	if _, self := h.task.(SelfStarter); !self {
		a.queue.started("")
	}
	err := h.task.Run(a.ctx, &a.run)
	x = exited(err, a.end())
}

// panicked is the end of an attempt whose Run did not return; p is nil after runtime.Goexit.
func (s *Service) panicked(a *attempt, p any) *pluginv1.Exited {
	a.end()
	text := "panic in Run: " + fmt.Sprint(p)
	if p == nil {
		text = "Run ended its goroutine without returning"
	}
	a.run.Log.Error("panic", "in", "Run", "panic", text, "stack", string(debug.Stack()))
	return &pluginv1.Exited{Result: pluginv1.Result_RESULT_PANICKED, Message: clip(text, maxText)}
}

// connEndOf says how the connection of a call stands.
func connEndOf(ctx context.Context) connEnd {
	if p, ok := peer.FromContext(ctx); ok {
		if info, ok := p.AuthInfo.(PeerInfo); ok {
			return connEnd(info.conn.end.Load())
		}
	}
	return connOpen
}
