package sdktest

import (
	"testing"
	"time"

	pluginv1 "github.com/soltihq/solti-host/shared/proto/solti/plugin/v1"
)

func (s *suite) stopChecks() []check {
	return []check{
		{"AsksFirst", s.stopSoft},
		{"ForcesAfterTheGrace", s.stopEscalates},
		{"ForcesAtOnce", s.stopForce},
		{"SecondStopShortens", s.stopShortens},
		{"DuringTheStart", s.stopEarly},
		{"AfterTheEnd", s.stopLate},
		{"UnknownRun", s.stopUnknown},
		{"KillsTheWholeTree", s.stopTree},
		{"CutStreamForces", s.stopCut},
	}
}

func (s *suite) stopSoft(t *testing.T) {
	need(t, s.Forever)
	p := start(t, s.Config)
	a := s.begin(t, p, s.Forever)
	began := time.Now()
	p.stop(t, a.id, time.Minute)
	wantResult(t, a.finish(t), pluginv1.Result_RESULT_CANCELED)
	if took := time.Since(began); took > s.soon() {
		t.Errorf("the run took %v to end although it was asked to", took)
	}
}

func (s *suite) stopEscalates(t *testing.T) {
	need(t, s.Stubborn)
	p := start(t, s.Config)
	a := s.begin(t, p, s.Stubborn)
	const grace = 500 * time.Millisecond
	began := time.Now()
	p.stop(t, a.id, grace)
	wantResult(t, a.finish(t), pluginv1.Result_RESULT_CANCELED)
	if took := time.Since(began); took < grace || took > grace+s.soon() {
		t.Errorf("the run ended %v after a stop with a grace of %v", took, grace)
	}
}

func (s *suite) stopForce(t *testing.T) {
	w := first(s.Stubborn, s.Forever)
	need(t, w)
	p := start(t, s.Config)
	a := s.begin(t, p, w)
	began := time.Now()
	p.stop(t, a.id, 0)
	wantResult(t, a.finish(t), pluginv1.Result_RESULT_CANCELED)
	if took := time.Since(began); took > s.soon() {
		t.Errorf("the run took %v to end although it was forced", took)
	}
}

func (s *suite) stopShortens(t *testing.T) {
	need(t, s.Stubborn)
	p := start(t, s.Config)
	a := s.begin(t, p, s.Stubborn)
	p.stop(t, a.id, time.Hour)
	p.stop(t, a.id, 200*time.Millisecond)
	p.stop(t, a.id, time.Hour) // does not lengthen
	wantResult(t, a.finish(t), pluginv1.Result_RESULT_CANCELED)
}

// stopEarly stops runs at the moment they begin; the stop may even arrive first.
func (s *suite) stopEarly(t *testing.T) {
	w := first(s.Forever, s.Stubborn)
	need(t, w)
	p := start(t, s.Config)
	for range 20 {
		a := p.attempt(t, s.request(w), nil)
		p.stop(t, a.id, 0)
		wantResult(t, a.finish(t), pluginv1.Result_RESULT_CANCELED)
	}
}

func (s *suite) stopLate(t *testing.T) {
	need(t, s.OK)
	p := start(t, s.Config)
	req := s.request(s.OK)
	p.attempt(t, req, nil).finish(t)
	p.stop(t, req.RunId, time.Second)
	p.stop(t, req.RunId, 0)
	req.RunId = s.id("run") // the handle is as good as before
	wantResult(t, p.attempt(t, req, nil).finish(t), pluginv1.Result_RESULT_SUCCEEDED)
}

func (s *suite) stopUnknown(t *testing.T) {
	p := start(t, s.Config)
	p.stop(t, s.id("run"), time.Second)
}

func (s *suite) stopTree(t *testing.T) {
	need(t, s.Spawns)
	p := start(t, s.Config)
	a := s.begin(t, p, s.Spawns)
	family := s.familyOf(t, p, s.Spawns)
	p.stop(t, a.id, 0)
	a.finish(t)
	// Exited means that nothing of the run is alive; a process on its way out has an instant to be gone.
	waitGone(t, 100*time.Millisecond, family)
}

// stopCut cancels the stream: the attempt must end and its handle become free.
func (s *suite) stopCut(t *testing.T) {
	w := first(s.Stubborn, s.Forever)
	need(t, w)
	p := start(t, s.Config)
	req := s.request(w)
	a := s.beginAs(t, p, w, req)
	family := p.family()
	a.cancel()
	waitGone(t, s.soon(), family)
	eventually(t, s.soon(), "the handle of the cut run", func() error {
		req.RunId, req.Attempt = s.id("run"), req.Attempt+1
		next := p.attempt(t, req, nil)
		next.waitBegan(t)
		select {
		case <-next.done:
			return next.record.err
		default:
		}
		next.cancel()
		return nil
	})
}
