package sdktest

import (
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	pluginv1 "github.com/soltihq/solti-host/shared/proto/solti/plugin/v1"
)

func (s *suite) releaseChecks() []check {
	return []check{
		{"UnknownHandles", s.releaseUnknown},
		{"EndsTheHandle", s.releaseEnds},
		{"WhileAnAttemptIsLive", s.releaseLive},
	}
}

func (p *process) release(t testing.TB, ids ...string) {
	t.Helper()
	if _, err := p.client.ReleaseTask(p.within(t), &pluginv1.ReleaseTaskRequest{HandleIds: ids}); err != nil {
		t.Errorf("ReleaseTask: %v", err)
	}
}

func (s *suite) releaseUnknown(t *testing.T) {
	p := start(t, s.Config)
	p.release(t)
	p.release(t, s.id("handle"), s.id("handle"))
}

func (s *suite) releaseEnds(t *testing.T) {
	need(t, s.OK)
	p := start(t, s.Config)
	req := s.request(s.OK)
	p.build(t, req.Build)
	p.release(t, req.HandleId)
	p.release(t, req.HandleId)
	bare := &pluginv1.RunTaskRequest{RunId: s.id("run"), HandleId: req.HandleId, Attempt: 1}
	wantRefusal(t, p.attempt(t, bare, nil).fail(t), codes.NotFound, pluginv1.Reason_REASON_NOT_FOUND)
	wantResult(t, p.attempt(t, req, nil).finish(t), pluginv1.Result_RESULT_SUCCEEDED)
}

func (s *suite) releaseLive(t *testing.T) {
	need(t, s.Forever)
	p := start(t, s.Config)
	req := s.request(s.Forever)
	a := p.attempt(t, req, nil)
	a.waitStarted(t)
	p.release(t, req.HandleId)
	p.stop(t, a.id, time.Second)
	wantResult(t, a.finish(t), pluginv1.Result_RESULT_CANCELED)
}
