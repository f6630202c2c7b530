package wire

import (
	"testing"
	"time"
)

func TestOnlyThoseWhoWaitedBrieflyPoll(t *testing.T) {
	var p pace
	now := time.Now()
	if !p.begin(now).IsZero() {
		t.Error("the first wait polls")
	}
	p.end(brisk - 1)
	if until := p.begin(now); until.Sub(now) != polling {
		t.Errorf("after a brief wait polls for %v, want %v", until.Sub(now), polling)
	}
	p.end(brisk)
	if !p.begin(now).IsZero() {
		t.Error("after a long wait polls")
	}
}
