package pool

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/soltihq/solti-host/plugins/wasm/internal/spawn"
	"github.com/soltihq/solti-host/plugins/wasm/internal/wire"
)

// An Image is what workers load.
type Image interface {
	// Key names everything that a worker depends on.
	Key() string
	// Load returns what a worker is told, and what to call when no worker needs its files any more. It
	// fails when the image is gone.
	Load() (load wire.Load, release func(), err error)
}

// Options say how many workers wait. The zero value keeps none.
type Options struct {
	Warm   int           // idle workers per image
	Idle   time.Duration // after which an idle worker ends; 0 means a minute
	Memory int64         // bytes that all idle workers may take; 0 means any number
	Jobs   int           // attempts of a worker that is used again; 0 means 1000
	Log    hclog.Logger
}

func (o Options) defaulted() Options {
	if o.Idle <= 0 {
		o.Idle = time.Minute
	}
	if o.Jobs <= 0 {
		o.Jobs = 1000
	}
	if o.Log == nil {
		o.Log = hclog.NewNullLogger()
	}
	return o
}

// ErrClosed is what Take returns when the pool is closed.
var ErrClosed = errors.New("no worker is started any more")

// A Pool keeps idle workers. Its methods may be called from any goroutine.
type Pool struct {
	spawner *spawn.Spawner
	work    sync.WaitGroup  // refills, the sweep, ends of workers
	ctx     context.Context // ends with Close
	stop    context.CancelFunc

	mu       sync.Mutex
	o        Options        // guarded by mu
	idle     []*Worker      // guarded by mu; longest idle first
	starting map[string]int // guarded by mu; refills on their way, by image
	closed   bool           // guarded by mu
	stats    Stats          // guarded by mu
}

// Stats are what a pool tells about itself.
type Stats struct {
	Hits, Misses uint64 // of Take: a worker was waiting, or not
	Started      uint64
	Idle         int
	IdleBytes    int64
}

// New makes a pool.
func New(s *spawn.Spawner, o Options) *Pool {
	p := &Pool{spawner: s, o: o.defaulted(), starting: map[string]int{}}
	p.ctx, p.stop = context.WithCancel(context.Background())
	p.work.Go(p.sweep)
	return p
}

// Set changes the options. Workers that are too many now end.
func (p *Pool) Set(o Options) {
	p.mu.Lock()
	p.o = o.defaulted()
	gone := p.shrink()
	p.mu.Unlock()
	p.dismiss(gone)
}

// Take returns a worker for one attempt. A lease, where it is not empty, names who may use the worker
// again: one that served that lease before is preferred, and one that served another is never given.
func (p *Pool) Take(ctx context.Context, image Image, lease string) (*Worker, error) {
	key := image.Key()
	for {
		w, err := p.waiting(key, lease)
		if err != nil {
			return nil, err
		}
		if w == nil {
			break
		}
		select {
		case <-w.proc.Done(): // it died while it waited
			p.dismiss([]*Worker{w})
			continue
		default:
		}
		if w.jobs == 0 {
			p.refill(image)
		}
		w.lease = lease
		return w, nil
	}
	w, err := p.begin(ctx, image)
	if err != nil {
		return nil, err
	}
	p.refill(image)
	w.lease = lease
	return w, nil
}

// waiting takes out an idle worker, or none.
func (p *Pool) waiting(key, lease string) (*Worker, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, ErrClosed
	}
	best := -1
	for i, w := range slices.Backward(p.idle) {
		if w.key != key || w.lease != "" && w.lease != lease {
			continue
		}
		if best < 0 || p.idle[best].lease == "" && w.lease != "" {
			best = i
		}
	}
	if best < 0 {
		p.stats.Misses++
		return nil, nil //nolint:nilnil // documented
	}
	p.stats.Hits++
	w := p.idle[best]
	p.idle = slices.Delete(p.idle, best, best+1)
	return w, nil
}

// begin starts a worker and waits until it is ready.
func (p *Pool) begin(ctx context.Context, image Image) (*Worker, error) {
	load, release, err := image.Load()
	if err != nil {
		return nil, err
	}
	defer release()
	w, err := start(ctx, p.spawner, image.Key(), load)
	if err == nil {
		p.mu.Lock()
		p.stats.Started++
		p.mu.Unlock()
	}
	return w, err
}

// refill starts a worker behind the back of whoever took one, if one is missing.
func (p *Pool) refill(image Image) {
	key := image.Key()
	p.mu.Lock()
	defer p.mu.Unlock()
	fresh := 0
	for _, w := range p.idle {
		if w.key == key && w.lease == "" {
			fresh++
		}
	}
	if p.closed || fresh+p.starting[key] >= p.o.Warm {
		return
	}
	p.starting[key]++
	p.work.Go(func() {
		w, err := p.begin(p.ctx, image)
		p.mu.Lock()
		if p.starting[key]--; p.starting[key] == 0 {
			delete(p.starting, key)
		}
		p.mu.Unlock()
		if err != nil {
			if p.ctx.Err() == nil {
				p.log().Warn("no worker can be kept ready", "error", err)
			}
			return
		}
		p.put(w)
	})
}

// Return gives back a worker whose attempt is over. It is kept for its lease if status says that it may
// be used again, and ends otherwise, which Return waits for.
func (p *Pool) Return(w *Worker, status wire.Status) {
	p.mu.Lock()
	most := p.o.Jobs
	p.mu.Unlock()
	if w.lease == "" || status.End != wire.Exited || !status.Reusable || w.jobs >= most {
		w.end()
		return
	}
	p.put(w)
}

// put makes a worker idle, and ends those that are too many.
func (p *Pool) put(w *Worker) {
	w.since = time.Now()
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		w.end()
		return
	}
	p.idle = append(p.idle, w)
	gone := p.shrink()
	p.mu.Unlock()
	p.dismiss(gone)
}

// shrink takes out idle workers, the longest idle first, until memory allows the rest. The caller holds mu
// and dismisses them.
func (p *Pool) shrink() (gone []*Worker) {
	var sum int64
	for _, w := range p.idle {
		sum += w.cost
	}
	for p.o.Memory > 0 && sum > p.o.Memory && len(p.idle) > 0 {
		sum -= p.idle[0].cost
		gone = append(gone, p.idle[0])
		p.idle = p.idle[1:]
	}
	return gone
}

// dismiss ends workers, behind the caller's back.
func (p *Pool) dismiss(gone []*Worker) {
	for _, w := range gone {
		w.proc.Kill()
		p.work.Go(func() {
			if _, reaped := w.end(); !reaped {
				p.log().Error("an idle worker does not end", "pid", w.PID())
			}
		})
	}
}

// Drop ends the idle workers of a lease: its task is gone.
func (p *Pool) Drop(lease string) {
	p.mu.Lock()
	var gone []*Worker
	p.idle = slices.DeleteFunc(p.idle, func(w *Worker) bool {
		if w.lease != lease || lease == "" {
			return false
		}
		gone = append(gone, w)
		return true
	})
	p.mu.Unlock()
	p.dismiss(gone)
}

// sweep ends workers that nobody takes.
func (p *Pool) sweep() {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case now := <-tick.C:
			p.mu.Lock()
			n := 0
			for n < len(p.idle) && now.Sub(p.idle[n].since) > p.o.Idle {
				n++
			}
			gone := slices.Clone(p.idle[:n])
			p.idle = p.idle[n:]
			p.mu.Unlock()
			p.dismiss(gone)
		case <-p.ctx.Done():
			return
		}
	}
}

// Stats returns the figures.
func (p *Pool) Stats() Stats {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.stats
	s.Idle = len(p.idle)
	for _, w := range p.idle {
		s.IdleBytes += w.cost
	}
	return s
}

// Close ends all idle workers and waits until they are gone. Those that are in use are their users'.
func (p *Pool) Close() {
	p.mu.Lock()
	p.closed = true
	gone := p.idle
	p.idle = nil
	p.mu.Unlock()
	p.stop()
	p.dismiss(gone)
	p.work.Wait()
}

func (p *Pool) log() hclog.Logger {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.o.Log
}
