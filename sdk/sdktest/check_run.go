package sdktest

import (
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	pluginv1 "github.com/soltihq/solti-host/shared/proto/solti/plugin/v1"
)

func (s *suite) runChecks() []check {
	return []check{
		{"Succeeds", s.runOK},
		{"Fails", s.runFail},
		{"CannotStart", s.runMissing},
		{"AttemptsFollowOneAnother", s.runAgain},
		{"UnknownHandle", s.runUnknown},
		{"RunIDOnlyOnce", s.runTwice},
		{"ManyAtOnce", s.runMany},
		{"BeatsWhenSilent", s.runBeats},
	}
}

func (s *suite) runOK(t *testing.T) {
	need(t, s.OK)
	p := start(t, s.Config)
	req := s.request(s.OK)
	p.build(t, req.Build)
	req.Build = nil
	wantResult(t, p.attempt(t, req, nil).finish(t), pluginv1.Result_RESULT_SUCCEEDED)
}

func (s *suite) runFail(t *testing.T) {
	need(t, s.Fail)
	x := s.run(t, start(t, s.Config), s.Fail)
	wantResult(t, x, pluginv1.Result_RESULT_FAILED)
	if x.exited.Message == "" {
		t.Error("the failure has no message")
	}
	if s.ExitCode != 0 && (x.exited.ExitCode == nil || int(x.exited.GetExitCode()) != s.ExitCode) {
		t.Errorf("exit code %v, want %d", x.exited.ExitCode, s.ExitCode)
	}
}

func (s *suite) runMissing(t *testing.T) {
	need(t, s.Missing)
	x := s.run(t, start(t, s.Config), s.Missing)
	wantResult(t, x, pluginv1.Result_RESULT_START_FAILED)
	if x.exited.Message == "" {
		t.Error("the failure has no message")
	}
}

func (s *suite) runAgain(t *testing.T) {
	need(t, s.OK)
	p := start(t, s.Config)
	req := s.request(s.OK)
	for n := range uint32(5) {
		req.RunId, req.Attempt = s.id("run"), n+1
		wantResult(t, p.attempt(t, req, nil).finish(t), pluginv1.Result_RESULT_SUCCEEDED)
	}
}

func (s *suite) runUnknown(t *testing.T) {
	p := start(t, s.Config)
	err := p.attempt(t, &pluginv1.RunTaskRequest{
		RunId: s.id("run"), HandleId: s.id("handle"), Attempt: 1,
	}, nil).fail(t)
	wantRefusal(t, err, codes.NotFound, pluginv1.Reason_REASON_NOT_FOUND)
}

func (s *suite) runTwice(t *testing.T) {
	need(t, s.OK)
	p := start(t, s.Config)
	req := s.request(s.OK)
	p.attempt(t, req, nil).finish(t)
	wantRefusal(t, p.attempt(t, req, nil).fail(t), codes.AlreadyExists, pluginv1.Reason_REASON_CONFLICT)
	if s.Forever == nil {
		return
	}
	live := s.request(s.Forever)
	a := p.attempt(t, live, nil)
	a.waitStarted(t)
	again := s.request(s.Forever)
	again.RunId = live.RunId
	wantRefusal(t, p.attempt(t, again, nil).fail(t), codes.AlreadyExists, pluginv1.Reason_REASON_CONFLICT)
	p.stop(t, live.RunId, time.Second)
	a.finish(t)
}

func (s *suite) runMany(t *testing.T) {
	need(t, s.OK)
	p := start(t, s.Config)
	n, err := p.client.Name(p.within(t), &pluginv1.NameRequest{})
	if err != nil {
		t.Fatalf("Name: %v", err)
	}
	many := 20
	if limit := int(n.GetLimits().GetMaxRuns()); limit > 0 && limit < many {
		many = limit
	}
	attempts := make([]*attempt, many)
	for i := range attempts {
		attempts[i] = p.attempt(t, s.request(s.OK), nil)
	}
	for _, a := range attempts {
		wantResult(t, a.finish(t), pluginv1.Result_RESULT_SUCCEEDED)
	}
}

func (s *suite) runBeats(t *testing.T) {
	need(t, s.Forever)
	if !long() {
		t.Skip("takes longer than a heartbeat; set SOLTI_LONG=1")
	}
	p := start(t, s.Config)
	a := s.begin(t, p, s.Forever)
	<-time.After(12 * time.Second)
	p.stop(t, a.id, time.Second)
	if a.finish(t).beats == 0 {
		t.Error("no heartbeat in 12 s of silence")
	}
}
