package output

import "time"

// A wake wakes the readers that wait for a run to change. Run.mu guards it.
//
// To wake many costs time that the run's writer has less, so they are woken together, and the more of
// them there are, the longer after the last time. What comes after silence is told at once.
type wake struct {
	changed chan struct{} // closed at the next wake; nil unless somebody waits
	waiting int           // how many that are, or a few more: some may have gone
	last    time.Time     // when it was closed
	armed   bool          // a timer is going to close it
}

const (
	wakePause    = 50 * time.Microsecond // between two wakes, for each that waits but the first
	maxWakePause = 20 * time.Millisecond
)

// wait returns a channel that is closed when there is more. The caller holds r.mu.
func (r *run) wait() <-chan struct{} {
	w := &r.wake
	if w.changed == nil {
		w.changed, w.waiting = make(chan struct{}), 0
	}
	w.waiting++
	return w.changed
}

// tell wakes whoever waits for more output, now or soon. The caller holds r.mu.
func (r *run) tell() {
	w := &r.wake
	if w.changed == nil || w.armed {
		return
	}
	pause := min(time.Duration(w.waiting-1)*wakePause, maxWakePause)
	if rest := pause - time.Since(w.last); rest > 0 {
		w.armed = true
		time.AfterFunc(rest, r.late)
		return
	}
	r.broadcast()
}

// late is what tell has put off.
func (r *run) late() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.wake.armed = false
	r.broadcast()
}

// broadcast wakes whoever waits, at once. The caller holds r.mu.
func (r *run) broadcast() {
	w := &r.wake
	if w.changed == nil {
		return
	}
	close(w.changed)
	w.changed = nil
	if w.waiting > 1 {
		w.last = time.Now()
	}
}
