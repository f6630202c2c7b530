package wire

import (
	"testing"
	"time"
)

func TestOnlyThoseWhoWaitedBrieflyLook(t *testing.T) {
	p := pace{long: patience}
	now := time.Now()
	if !p.until(now).IsZero() {
		t.Error("looks before any brief wait")
	}
	p.waited(brief - 1)
	for range patience {
		if until := p.until(now); until.Sub(now) != looking {
			t.Errorf("after a brief wait looks for %v, want %v", until.Sub(now), looking)
		}
		p.waited(brief)
	}
	if !p.until(now).IsZero() {
		t.Error("looks after long waits")
	}
}
