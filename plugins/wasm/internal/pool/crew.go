package pool

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"github.com/soltihq/solti-host/plugins/wasm/internal/wire"
)

// A crew is all workers that are alive: idle, in use, on their way.
type crew struct {
	Observer

	mu      sync.Mutex
	workers map[*Worker]reading // guarded by mu
	round   uint64              // guarded by mu; of readings
}

// A reading is how much memory a worker took when it was looked at last.
type reading struct {
	bytes int64
	round uint64 // 0 means never
}

func newCrew(o Observer) *crew {
	if o == nil {
		o = nobody{}
	}
	return &crew{Observer: o, workers: make(map[*Worker]reading)}
}

// joined is told of a process that was started.
func (c *crew) joined(w *Worker, took time.Duration) {
	c.mu.Lock()
	c.workers[w] = reading{}
	c.mu.Unlock()
	c.WorkerSpawned(took)
}

// left is told of one that was waited for since begun.
func (c *crew) left(w *Worker, begun time.Time, reaped bool) {
	c.mu.Lock()
	delete(c.workers, w)
	c.mu.Unlock()
	if !reaped {
		return
	}
	if kill := w.kill.Load(); kill != 0 {
		c.WorkerReaped(true, time.Duration(max(time.Now().UnixNano()-kill, 0)))
		return
	}
	c.WorkerReaped(false, time.Since(begun))
}

// Census returns how many workers are alive and about how much memory they take, what they share divided by
// those who do. It reads that of so many at most, those first that were not read for longest; of the others it
// takes what was read before, or what is usual.
func (p *Pool) Census(most int) (workers int, bytes int64) {
	c := p.crew
	read := make(map[*Worker]int64, most)
	for _, w := range c.stalest(most) {
		if n := proportional(w.PID()); !w.ended() { // else it may have been somebody else's
			read[w] = n
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.round++
	known := int64(0)
	for w, r := range c.workers {
		if n, ok := read[w]; ok {
			r = reading{n, c.round}
			c.workers[w] = r
		}
		if r.round > 0 {
			known++
			bytes += r.bytes
		}
	}
	if known > 0 {
		bytes += bytes / known * (int64(len(c.workers)) - known)
	}
	return len(c.workers), bytes
}

// stalest returns the workers that were not read for longest.
func (c *crew) stalest(most int) []*Worker {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := make([]*Worker, 0, len(c.workers))
	for w := range c.workers {
		all = append(all, w)
	}
	slices.SortFunc(all, func(a, b *Worker) int { return cmp.Compare(c.workers[a].round, c.workers[b].round) })
	return all[:min(len(all), most)]
}

// nobody is the Observer of those who want none.
type nobody struct{}

func (nobody) WorkerTaken(time.Duration)              {}
func (nobody) WorkerSpawned(time.Duration)            {}
func (nobody) WorkerLoaded(wire.Ready, time.Duration) {}
func (nobody) WorkerReaped(bool, time.Duration)       {}
