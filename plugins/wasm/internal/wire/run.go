package wire

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"time"
)

// Gather is how long output is gathered that follows other output.
const Gather = 5 * time.Millisecond

// ErrOutputLimit means that a guest wrote more than its Limit with Over Kill. The worker still runs and is
// to be killed.
var ErrOutputLimit = errors.New("output limit exceeded")

var outputBuffers = sync.Pool{New: func() any { return new([MaxOutput]byte) }}

// Run gives the worker a job and hands on its output until the job's end. It returns the worker's Status; or
// ErrGone, when its process ended, by a kill or by itself; or ErrOutputLimit or ErrProtocol, when the caller
// has to kill it. To stop a job, kill the worker and call Hurry: Run then returns after the last byte of output.
func (p *Parent) Run(job Job, out Outlet, limit Limit) (Status, error) {
	e, files, err := job.encode()
	if err != nil {
		return Status{}, fmt.Errorf("start job: %w", err)
	}
	w := p.shared.words
	for i := range w.counters {
		w.counters[i].Store(0)
	}
	p.throttled.Store(0)
	p.gap()
	w.idle.Store(0)
	w.discard[0].Store(0)
	w.discard[1].Store(0)
	if len(files) > 0 || !p.shared.job.post(e.b) {
		if err := p.send(e.b, files); err != nil {
			return Status{}, fmt.Errorf("start job: %w", err)
		}
	}
	now := time.Now()
	r := run{Parent: p, out: out, busy: true, meters: [2]meter{newMeter(limit, now), newMeter(limit, now)}}
	status, err := r.untilEnd()
	r.throttle(0)
	if bad := r.tellGaps(); err == nil {
		err = bad
	}
	return status, err
}

// gap ends the time between jobs, and says whether the worker is to look in the next one.
func (p *Parent) gap() {
	now := time.Now()
	p.gaps.waited(now.Sub(p.ended))
	var look uint32
	if !p.gaps.until(now).IsZero() {
		look = 1
	}
	p.shared.words.look.Store(look)
}

// A run is one job, seen from the plugin.
type run struct {
	*Parent
	out    Outlet
	meters [2]meter

	waiting time.Time // since when output waits because of its rate; zero if it does not

	status Status // once End is set
	busy   bool   // output came within Gather, or the job begins
	timed  bool   // the socket has a read deadline
	buffer *[MaxOutput]byte
}

// untilEnd hands on output until the worker has said how the job ended.
func (r *run) untilEnd() (Status, error) {
	began := time.Now()
	defer func() {
		r.ended = time.Now()
		r.ends.waited(r.ended.Sub(began))
	}()
	if err := r.watch(r.ends.until(began)); err != nil {
		return Status{}, err
	}
	for r.status.End == 0 {
		err := r.step()
		switch {
		case err == nil, errors.Is(err, os.ErrDeadlineExceeded):
		case errors.Is(err, ErrGone):
			if lost := r.rest(false); lost != nil {
				return Status{}, lost
			}
			return Status{}, err
		default:
			return Status{}, err
		}
	}
	return r.status, r.rest(true)
}

// watch looks for an early end until a time, or not for zero.
func (r *run) watch(until time.Time) error {
	if until.IsZero() {
		return nil
	}
	buf := messageBuffers.Get().(*[2*MaxTrap + 4096]byte)
	defer messageBuffers.Put(buf)
	message, err := r.shared.end.watch(until, buf[:])
	if message == nil || err != nil {
		return err
	}
	return r.message(kind(message[0]), &decoder{b: message[1:]})
}

// step hands on output and waits for a message.
func (r *run) step() error {
	awake, err := r.prepare()
	if err != nil || awake {
		return err
	}
	return r.receive(r.message)
}

func (r *run) message(k kind, d *decoder) error {
	switch k {
	case kindBell:
		r.busy = true
		return d.end()
	case kindStatus:
		return r.status.decode(d)
	}
	return fmt.Errorf("%w: message %d within a job", ErrProtocol, k)
}

// prepare empties the ring and sets how long to wait for a message: while output comes, no longer than
// Gather. It reports whether there is output again, so that nothing is to be waited for.
func (r *run) prepare() (awake bool, err error) {
	discarded := r.discarded()
	wait, err := r.drain(true)
	r.throttle(wait)
	if err != nil {
		return false, err
	}
	if wait > 0 { // by the rate
		return false, r.deadline(wait)
	}
	next, err := r.look(discarded)
	switch {
	case err != nil:
		return false, err
	case r.busy:
		wait, r.busy = Gather, false
	default:
		if awake, err := r.sleep(); awake || err != nil {
			return awake, err
		}
	}
	return false, r.deadline(sooner(wait, next))
}

// sleep arranges for a bell at the next output. It reports whether there is some already.
func (r *run) sleep() (awake bool, err error) {
	r.shared.words.idle.Store(1)
	n, err := r.taker.filled()
	if n > 0 {
		r.shared.words.idle.Store(0)
		r.busy = true
	}
	return n > 0, err
}

// deadline bounds the next receive, or not for zero.
func (r *run) deadline(wait time.Duration) error {
	if wait == 0 && !r.timed {
		return nil
	}
	r.timed = wait > 0
	var at time.Time
	if r.timed {
		at = time.Now().Add(wait)
	}
	if err := r.socket.SetReadDeadline(at); err != nil {
		return fmt.Errorf("wait for the worker: %w", err)
	}
	return nil
}

// rest hands on what the ring holds after the end. A paced end keeps to the rate, until somebody hurries;
// otherwise nobody waits.
func (r *run) rest(paced bool) error {
	defer func() { _ = r.deadline(0) }()
	for {
		wait, err := r.drain(paced)
		r.throttle(wait)
		if wait == 0 || err != nil {
			return err
		}
		select {
		case <-time.After(wait):
		case <-r.Parent.hurry:
			paced = false
		}
	}
}

// drain hands on what the ring holds, until it is empty or, if paced, a stream has to pause for the time it
// returns.
func (r *run) drain(paced bool) (time.Duration, error) {
	if n, err := r.taker.filled(); n == 0 || err != nil {
		return 0, err
	}
	r.buffer = outputBuffers.Get().(*[MaxOutput]byte)
	defer func() {
		outputBuffers.Put(r.buffer)
		r.buffer = nil
	}()
	for {
		if wait := r.pause(); paced && wait > 0 {
			return wait, nil
		}
		got, err := r.taker.take(r.buffer[:])
		if got.stream == 0 || err != nil {
			return 0, err
		}
		r.busy = true
		r.makeRoom()
		if got.marked {
			err = r.mark(got.stream, got.total)
		} else {
			err = r.hand(got.stream, got.n)
		}
		if err != nil {
			return 0, err
		}
	}
}

// pause returns how long the slower stream has to wait. The ring holds both, so both wait.
func (r *run) pause() time.Duration {
	if r.meters[0].limit.Rate <= 0 {
		return 0
	}
	now := time.Now()
	return max(r.meters[0].wait(now), r.meters[1].wait(now))
}

// makeRoom wakes a worker that waits for room. A worker that is gone needs none.
func (r *run) makeRoom() {
	if r.shared.words.full.Load() != 0 && r.shared.words.full.Swap(0) != 0 {
		_ = r.send([]byte{byte(kindRoom)}, nil)
	}
}

// hand passes on what the limit allows of the buffer's first n bytes.
func (r *run) hand(stream Stream, n int) error {
	m := r.meter(stream)
	var now time.Time
	if m.limit.Rate > 0 {
		now = time.Now()
	}
	allowed, ok := m.pass(n, now)
	if allowed > 0 {
		r.tellGap(stream)
		r.out.Output(stream, r.buffer[:allowed])
	}
	if !ok {
		return fmt.Errorf("%s: %w", stream, ErrOutputLimit)
	}
	m.dropped += int64(n - allowed)
	if !m.discard.on && (m.full() || allowed < n) {
		r.begin(stream, time.Now())
	}
	return nil
}
