package sdktest

import (
	"strings"
	"sync"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	pluginv1 "github.com/soltihq/solti-host/shared/proto/solti/plugin/v1"
)

func (s *suite) buildChecks() []check {
	return []check{
		{"SameContentAgain", s.buildAgain},
		{"OtherContentConflicts", s.buildConflict},
		{"DryRunKeepsNothing", s.buildDry},
		{"RefusesUnknownKinds", s.buildUnknown},
		{"RefusesInvalidSpecs", s.buildInvalid},
		{"SurvivesHugeSpecs", s.buildHuge},
	}
}

func (s *suite) buildAgain(t *testing.T) {
	need(t, s.OK)
	p := start(t, s.Config)
	ctx := p.within(t)
	req := s.OK.build(s.id("handle"))
	var calls sync.WaitGroup
	for range 10 {
		calls.Go(func() {
			if _, err := p.client.BuildTask(ctx, req); err != nil {
				t.Errorf("BuildTask of the same content: %v", err)
			}
		})
	}
	calls.Wait()
}

func (s *suite) buildConflict(t *testing.T) {
	need(t, s.OK)
	p := start(t, s.Config)
	req := s.OK.build(s.id("handle"))
	p.build(t, req)
	other := s.OK.build(req.HandleId)
	other.Context.Env = map[string]string{"OTHER": "content"}
	_, err := p.client.BuildTask(p.within(t), other)
	wantRefusal(t, err, codes.AlreadyExists, pluginv1.Reason_REASON_CONFLICT)
}

func (s *suite) buildDry(t *testing.T) {
	need(t, s.OK)
	p := start(t, s.Config)
	req := s.OK.build(s.id("handle"))
	req.DryRun = true
	p.build(t, req)
	err := p.attempt(t, &pluginv1.RunTaskRequest{
		RunId: s.id("run"), HandleId: req.HandleId, Attempt: 1,
	}, nil).fail(t)
	wantRefusal(t, err, codes.NotFound, pluginv1.Reason_REASON_NOT_FOUND)
}

func (s *suite) buildUnknown(t *testing.T) {
	p := start(t, s.Config)
	_, err := p.client.BuildTask(p.within(t), stranger.build(s.id("handle")))
	wantRefusal(t, err, codes.FailedPrecondition, pluginv1.Reason_REASON_UNSUPPORTED_KIND)
}

func (s *suite) buildInvalid(t *testing.T) {
	need(t, s.Invalid)
	p := start(t, s.Config)
	req := s.Invalid.build(s.id("handle"))
	_, err := p.client.BuildTask(p.within(t), req)
	reason := pluginv1.Reason_REASON_INVALID_SPEC
	if wantsMissing(err) {
		reason = pluginv1.Reason_REASON_MISSING_FIELD
	}
	wantPaths(t, wantRefusal(t, err, codes.InvalidArgument, reason))
	req.DryRun = true
	if _, dry := p.client.BuildTask(p.within(t), req); status.Code(dry) != status.Code(err) {
		t.Errorf("the dry run says %v, the real one %v", dry, err)
	}
}

func wantsMissing(err error) bool {
	for _, d := range status.Convert(err).Details() {
		if detail, ok := d.(*pluginv1.ErrorDetail); ok {
			return detail.Reason == pluginv1.Reason_REASON_MISSING_FIELD
		}
	}
	return false
}

func (s *suite) buildHuge(t *testing.T) {
	need(t, s.OK)
	p := start(t, s.Config)
	huge := Workload{
		APIVersion: s.OK.APIVersion, Kind: s.OK.Kind, Spec: `{"x": "` + strings.Repeat("x", 5<<20) + `"}`,
	}
	_, err := p.client.BuildTask(p.within(t), huge.build(s.id("handle")))
	if c := status.Code(err); c != codes.ResourceExhausted && c != codes.InvalidArgument {
		t.Errorf("BuildTask with 5 MiB of spec: %v, want RESOURCE_EXHAUSTED or INVALID_ARGUMENT", err)
	}
	wantResult(t, s.run(t, p, s.OK), pluginv1.Result_RESULT_SUCCEEDED)
}
