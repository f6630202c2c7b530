package sdk

import (
	"time"

	"google.golang.org/grpc"

	pluginv1 "github.com/soltihq/solti-host/shared/proto/solti/plugin/v1"
)

// Drain takes no attempts from now on and reports until none is left. The plugin stays drained when
// the call is canceled.
func (s *Service) Drain(
	req *pluginv1.DrainRequest, stream grpc.ServerStreamingServer[pluginv1.DrainResponse],
) error {
	s.runs.close(notReady("the plugin is draining"))
	stop := func() {
		for _, a := range s.runs.all() {
			a.stop(StopShutdown, a.grace)
		}
	}
	if req.Mode == pluginv1.DrainMode_DRAIN_MODE_STOP {
		stop()
	}
	var deadline <-chan time.Time
	if req.Deadline != nil {
		timer := time.NewTimer(max(req.Deadline.AsDuration(), 0))
		defer timer.Stop()
		deadline = timer.C
	}
	for told := -1; ; {
		n, _, changed := s.runs.watch()
		if n != told {
			told = n
			left := &pluginv1.DrainResponse{LiveRuns: uint32(n)}
			if err := stream.Send(left); err != nil || n == 0 {
				return err
			}
		}
		select {
		case <-changed:
		case <-deadline:
			deadline = nil
			stop()
		case <-stream.Context().Done():
			return toStatus(stream.Context().Err())
		}
	}
}
