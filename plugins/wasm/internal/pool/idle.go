package pool

import (
	"slices"
	"time"
)

// put makes a worker idle, and ends those that are too many. It was on its way if it is reserved.
func (p *Pool) put(w *Worker, reserved bool) {
	w.weigh()
	p.mu.Lock()
	if reserved {
		p.arrived(w.key)
	}
	if p.closed {
		p.mu.Unlock()
		p.finish(w)
		return
	}
	w.since = time.Now()
	p.idle = append(p.idle, w)
	p.dismiss(p.shrink())
	p.mu.Unlock()
}

// waiting takes out an idle worker, or none.
func (p *Pool) waiting(key, lease string) (*Worker, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, ErrClosed
	}
	for {
		best := p.best(key, lease)
		if best < 0 {
			p.stats.Misses++
			return nil, nil //nolint:nilnil // documented
		}
		w := p.idle[best]
		p.idle = slices.Delete(p.idle, best, best+1)
		if w.ended() { // it died while it waited
			p.dismiss([]*Worker{w})
			continue
		}
		p.stats.Hits++
		return w, nil
	}
}

// best returns where the idle worker is that suits best, or -1: one that served the lease before, else
// the last that nobody has used. The caller holds mu.
func (p *Pool) best(key, lease string) int {
	best := -1
	for i, w := range slices.Backward(p.idle) {
		switch {
		case w.key != key || w.lease != "" && w.lease != lease:
		case w.lease != "":
			return i
		case best < 0:
			best = i
		}
	}
	return best
}

// fresh counts the idle workers of an image that nobody has used. The caller holds mu.
func (p *Pool) fresh(key string) (n int) {
	for _, w := range p.idle {
		if w.key == key && w.lease == "" {
			n++
		}
	}
	return n
}

// shrink takes out idle workers, the longest idle first, until number and memory allow the rest. The
// caller holds mu and dismisses them.
func (p *Pool) shrink() (gone []*Worker) {
	var sum int64
	fresh := make(map[string]int)
	for _, w := range p.idle {
		sum += w.cost
		if w.lease == "" {
			fresh[w.key]++
		}
	}
	p.idle = slices.DeleteFunc(p.idle, func(w *Worker) bool {
		tooMany := w.lease == "" && fresh[w.key] > p.o.Warm
		tooMuch := p.o.Memory > 0 && sum > p.o.Memory
		if !tooMany && !tooMuch {
			return false
		}
		sum -= w.cost
		if w.lease == "" {
			fresh[w.key]--
		}
		gone = append(gone, w)
		return true
	})
	return gone
}

// Drop ends the idle workers of a lease: its task is gone.
func (p *Pool) Drop(lease string) {
	if lease == "" {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.dismiss(p.takeOut(func(w *Worker) bool { return w.lease == lease }))
}

// takeOut removes idle workers and returns them. The caller holds mu.
func (p *Pool) takeOut(which func(*Worker) bool) (gone []*Worker) {
	p.idle = slices.DeleteFunc(p.idle, func(w *Worker) bool {
		if !which(w) {
			return false
		}
		gone = append(gone, w)
		return true
	})
	return gone
}

// sweep ends workers that nobody takes, and those that have died.
func (p *Pool) sweep() {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case now := <-tick.C:
			p.mu.Lock()
			p.dismiss(p.takeOut(func(w *Worker) bool { return now.Sub(w.since) > p.o.Idle || w.ended() }))
			p.mu.Unlock()
		case <-p.ctx.Done():
			return
		}
	}
}

// dismiss ends workers behind the caller's back, which Close waits for. The caller holds mu, and the pool
// is not closed, or being closed by the caller.
func (p *Pool) dismiss(gone []*Worker) {
	for _, w := range gone {
		w.proc.Kill()
		p.work.Go(func() { p.finish(w) })
	}
}
