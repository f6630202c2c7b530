package sdktest

import (
	"sync"
	"testing"

	pluginv1 "github.com/soltihq/solti-host/shared/proto/solti/plugin/v1"
)

func (s *suite) supportsChecks() []check {
	return []check{
		{"TakesItsOwn", s.supportsOwn},
		{"RefusesUnknownKinds", s.supportsUnknown},
		{"InParallel", s.supportsParallel},
	}
}

// stranger is of a kind that nobody has.
var stranger = Workload{APIVersion: "sdktest.invalid/v1", Kind: "Nothing", Spec: `{}`}

func (s *suite) supportsOwn(t *testing.T) {
	need(t, s.OK)
	p := start(t, s.Config)
	answer, err := p.client.Supports(p.within(t), &pluginv1.SupportsRequest{Task: s.OK.task("own")})
	if err != nil || !answer.Supported {
		t.Errorf("Supports of the workload OK: %v, %v", answer, err)
	}
}

func (s *suite) supportsUnknown(t *testing.T) {
	p := start(t, s.Config)
	answer, err := p.client.Supports(p.within(t), &pluginv1.SupportsRequest{Task: stranger.task("stranger")})
	if err != nil {
		t.Fatalf("Supports of an unknown kind: %v, want the answer no", err)
	}
	if answer.Supported || answer.Reason == "" {
		t.Errorf("Supports of an unknown kind: %v, want no and a reason", answer)
	}
}

func (s *suite) supportsParallel(t *testing.T) {
	need(t, s.OK)
	p := start(t, s.Config)
	ctx := p.within(t)
	yes := &pluginv1.SupportsRequest{Task: s.OK.task("parallel")}
	no := &pluginv1.SupportsRequest{Task: stranger.task("parallel")}
	var calls sync.WaitGroup
	for range 20 {
		calls.Go(func() {
			for range 25 {
				if answer, err := p.client.Supports(ctx, yes); err != nil || !answer.Supported {
					t.Errorf("Supports of the workload OK: %v, %v", answer, err)
				}
				if answer, err := p.client.Supports(ctx, no); err != nil || answer.Supported {
					t.Errorf("Supports of an unknown kind: %v, %v", answer, err)
				}
			}
		})
	}
	calls.Wait()
}
