package sdktest

import (
	"bytes"
	"testing"
	"time"

	pluginv1 "github.com/soltihq/solti-host/shared/proto/solti/plugin/v1"
)

func (s *suite) outputChecks() []check {
	checks := make([]check, 0, len(s.Outputs)+3)
	for _, o := range s.Outputs {
		checks = append(checks, check{o.Name, func(t *testing.T) { s.wantOutput(t, o, nil) }})
	}
	return append(checks,
		check{"Flood", s.flood},
		check{"SlowReader", s.slowReader},
		check{"ReaderGoesAway", s.readerGoesAway},
		check{"BlockedAndStopped", s.blockedAndStopped},
	)
}

// wantOutput runs o several times, because what is lost at the end is not lost every time.
func (s *suite) wantOutput(t *testing.T, o Output, pace func()) {
	t.Helper()
	p := start(t, s.Config)
	for range 5 {
		s.checkOutput(t, p.attempt(t, s.request(&o.Workload), pace).finish(t), o)
	}
}

func (s *suite) checkOutput(t *testing.T, r *record, o Output) {
	t.Helper()
	wantResult(t, r, pluginv1.Result_RESULT_SUCCEEDED)
	compare(t, "stdout", r.stdout.Bytes(), o.Stdout)
	compare(t, "stderr", r.stderr.Bytes(), o.Stderr)
}

func compare(t *testing.T, stream string, got, want []byte) {
	t.Helper()
	if bytes.Equal(got, want) {
		return
	}
	n := 0
	for n < len(got) && n < len(want) && got[n] == want[n] {
		n++
	}
	t.Errorf("%s has %d bytes, want %d; they differ from byte %d: got %q, want %q",
		stream, len(got), len(want), n, head(got[n:]), head(want[n:]))
}

func head(b []byte) []byte { return b[:min(len(b), 40)] }

func (s *suite) flood(t *testing.T) {
	if s.Flood == nil {
		t.Skip("no workload is given for this")
	}
	s.wantOutput(t, *s.Flood, nil)
}

func (s *suite) slowReader(t *testing.T) {
	if s.Flood == nil {
		t.Skip("no workload is given for this")
	}
	p := start(t, s.Config)
	slow := p.attempt(t, s.request(&s.Flood.Workload), func() { <-time.After(20 * time.Millisecond) })
	if s.OK != nil { // others do not wait for it
		wantResult(t, s.run(t, p, s.OK), pluginv1.Result_RESULT_SUCCEEDED)
	}
	s.checkOutput(t, slow.finish(t), *s.Flood)
}

func (s *suite) readerGoesAway(t *testing.T) {
	if s.Flood == nil {
		t.Skip("no workload is given for this")
	}
	p := start(t, s.Config)
	stalled := make(chan struct{})
	a := p.attempt(t, s.request(&s.Flood.Workload), func() { <-stalled })
	a.waitStarted(t)
	family := p.family()
	a.cancel()
	close(stalled)
	waitGone(t, s.soon(), family)
	s.checkOutput(t, s.run(t, p, &s.Flood.Workload), *s.Flood)
}

func (s *suite) blockedAndStopped(t *testing.T) {
	if s.Flood == nil {
		t.Skip("no workload is given for this")
	}
	p := start(t, s.Config)
	stalled := make(chan struct{})
	a := p.attempt(t, s.request(&s.Flood.Workload), func() { <-stalled })
	a.waitBegan(t)
	p.stop(t, a.id, 100*time.Millisecond)
	family := p.family()
	waitGone(t, s.soon(), family)
	close(stalled)
	a.finish(t) // with whatever result: it may have been done
}
