package wire

import "time"

// An Over is what is done with output beyond its limit.
type Over uint8

// What may be done. The number of bytes can only be dropped or end the job, for no waiting makes it smaller:
// Block drops what is beyond it.
const (
	Block Over = iota // let the guest wait until the rate allows more
	Drop              // drop and count; beyond the rate for a while at a time, so that gaps are few
	Kill              // end the job with ErrOutputLimit
)

// A Limit bounds each stream of a job.
type Limit struct {
	Bytes int64 // in all; 0 means no limit
	Rate  int64 // a second; a burst of one second is allowed. 0 means no limit
	Over  Over
}

// A meter applies a Limit to one stream.
type meter struct {
	limit   Limit
	taken   int64
	tokens  float64 // at the moment at
	at      time.Time
	dropped int64 // not yet told
	discard discard
}

func newMeter(l Limit, now time.Time) meter {
	return meter{limit: l, tokens: float64(l.Rate), at: now}
}

// wait returns how long the stream has to pause before it may go on.
func (m *meter) wait(now time.Time) time.Duration {
	if m.limit.Rate <= 0 || m.limit.Over != Block {
		return 0
	}
	m.fill(now)
	if m.tokens > 0 {
		return 0
	}
	return time.Duration(-m.tokens/float64(m.limit.Rate)*1e9) + time.Millisecond
}

// pass returns how many of n bytes may be handed on, or false if the job has to end. The rest is the caller's to count.
func (m *meter) pass(n int, now time.Time) (int, bool) {
	allowed := n
	if m.discard.on {
		allowed = 0
	}
	if m.limit.Bytes > 0 {
		allowed = int(min(int64(allowed), m.limit.Bytes-m.taken))
	}
	if m.limit.Rate > 0 {
		m.fill(now)
		if m.limit.Over != Block {
			allowed = min(allowed, int(max(m.tokens, 0)))
		}
		m.tokens -= float64(allowed)
	}
	if allowed < n && m.limit.Over == Kill {
		return allowed, false
	}
	m.taken += int64(allowed)
	return allowed, true
}

func (m *meter) fill(now time.Time) {
	m.tokens += now.Sub(m.at).Seconds() * float64(m.limit.Rate)
	m.tokens = min(m.tokens, float64(m.limit.Rate))
	m.at = now
}
