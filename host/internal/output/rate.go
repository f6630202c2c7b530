package output

import "time"

// A bucket limits a rate: it fills with bytes over time, up to those of one second.
type bucket struct {
	level float64
	last  time.Time
}

// take reports whether n bytes may pass now at rate bytes a second. What may pass may overdraw the
// bucket once, so that a piece larger than the rate passes too.
func (b *bucket) take(n, rate int64, now time.Time) bool {
	if b.last.IsZero() {
		b.level = float64(rate)
	} else if d := now.Sub(b.last); d > 0 {
		b.level = min(b.level+d.Seconds()*float64(rate), float64(rate))
	}
	b.last = now
	if b.level <= 0 {
		return false
	}
	b.level -= float64(n)
	return true
}
