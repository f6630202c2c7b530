package wire

import (
	"fmt"
	"math"
	"time"
)

// What goes on with a stream whose limit is reached.
const (
	stretch  = 250 * time.Millisecond // what a rate allows in this time is gathered before output goes on
	lookMin  = time.Second            // until the plugin looks for the first time what was discarded meanwhile
	lookMax  = time.Minute            // between two looks; each takes twice as long as the one before
	maxTotal = 1 << 60                // bytes of a stream that a worker may say it has discarded
)

// A discard is what becomes of a stream whose limit is reached: the worker is told to discard what the guest
// writes to it, which costs the plugin nothing and the guest its own processor time, and counts the bytes.
// When it may go on, it says in the ring, before anything else of the stream, how many they were, so that the gap
// stands in its place.
type discard struct {
	on      bool
	until   time.Time // when to go on; zero for never
	owed    bool      // the worker may say once more in the ring what it has discarded
	counted uint64    // of what the worker has discarded in all

	look  time.Time // when to look at the worker's count
	pause time.Duration
}

// begin has the worker discard what comes for a stream from now on.
func (r *run) begin(stream Stream, now time.Time) {
	m := r.meter(stream)
	m.discard.on, m.discard.owed = true, true
	m.discard.pause, m.discard.look = lookMin, now.Add(lookMin)
	if !m.full() {
		m.discard.until = now.Add(m.dry())
	}
	r.shared.words.discard[stream-Stdout].Store(1)
}

// end lets a stream go on.
func (r *run) end(stream Stream) {
	d := &r.meter(stream).discard
	d.on, d.until = false, time.Time{}
	r.shared.words.discard[stream-Stdout].Store(0)
}

// discarded reads what the worker says that it has discarded of each stream.
func (r *run) discarded() (totals [2]uint64) {
	for i := range totals {
		totals[i] = r.shared.words.counters[StdoutDiscarded+Counter(i)].Load()
	}
	return totals
}

// look counts what was discarded, tells of it from time to time, and ends what is over. It is given what the
// worker said before the ring was emptied, so that no output of before is missing. It returns when to look
// again, or 0 if there is nothing to look for.
func (r *run) look(totals [2]uint64) (next time.Duration, err error) {
	for stream := Stdout; stream <= Stderr; stream++ {
		d := &r.meter(stream).discard
		if !d.on {
			continue
		}
		if err := r.count(stream, totals[stream-Stdout]); err != nil {
			return 0, err
		}
		now := time.Now()
		if !d.until.IsZero() && !now.Before(d.until) {
			r.end(stream)
			continue
		}
		if !now.Before(d.look) {
			r.tellGap(stream)
			d.pause = min(2*d.pause, lookMax)
			d.look = now.Add(d.pause)
		}
		at := d.look
		if !d.until.IsZero() && d.until.Before(at) {
			at = d.until
		}
		next = sooner(next, max(at.Sub(now), 1))
	}
	return next, nil
}

// sooner returns the shorter of two times, of which 0 is never.
func sooner(a, b time.Duration) time.Duration {
	if a == 0 || b == 0 {
		return a + b
	}
	return min(a, b)
}

// mark takes what a worker says in the ring: up to here it has discarded so many bytes of a stream.
func (r *run) mark(stream Stream, total uint64) error {
	d := &r.meter(stream).discard
	if !d.owed || total < d.counted {
		return fmt.Errorf("%w: %s has a gap that is none", ErrProtocol, stream)
	}
	d.owed = d.on
	return r.count(stream, total)
}

// count adds what was discarded of a stream since it was counted last.
func (r *run) count(stream Stream, total uint64) error {
	m := r.meter(stream)
	if total > maxTotal {
		return fmt.Errorf("%w: %d bytes of %s cannot have been discarded", ErrProtocol, total, stream)
	}
	if total > m.discard.counted {
		m.dropped += int64(total - m.discard.counted)
		m.discard.counted = total
	}
	return nil
}

// tellGap tells what was dropped of a stream and has not been told.
func (r *run) tellGap(stream Stream) {
	if m := r.meter(stream); m.dropped > 0 {
		r.out.Gap(stream, m.dropped)
		m.dropped = 0
	}
}

// tellGaps tells what is missing at the end.
func (r *run) tellGaps() error {
	totals := r.discarded()
	for stream := Stdout; stream <= Stderr; stream++ {
		if err := r.count(stream, totals[stream-Stdout]); err != nil {
			return err
		}
		r.tellGap(stream)
	}
	return nil
}

func (r *run) meter(stream Stream) *meter { return &r.meters[stream-Stdout] }

// full reports whether nothing more of the stream is handed on.
func (m *meter) full() bool {
	return m.limit.Over != Kill && m.limit.Bytes > 0 && m.taken >= m.limit.Bytes
}

// dry returns how long to discard until it is worth going on.
func (m *meter) dry() time.Duration {
	rate := float64(m.limit.Rate)
	missing := max(rate*stretch.Seconds(), 1) - m.tokens
	return time.Duration(math.Ceil(missing / rate * 1e9))
}
