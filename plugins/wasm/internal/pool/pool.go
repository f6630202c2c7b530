package pool

import (
	"context"
	"errors"
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

// ErrClosed is what Take returns when the pool is closed.
var ErrClosed = errors.New("no worker is started any more")

// A Pool keeps idle workers. Its methods may be called from any goroutine.
type Pool struct {
	spawner *spawn.Spawner
	crew    *crew
	work    sync.WaitGroup  // refills, the sweep, ends of workers; added to under mu and before closed
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
	p := &Pool{spawner: s, crew: newCrew(o.Observer), o: o.defaulted(), starting: map[string]int{}}
	p.ctx, p.stop = context.WithCancel(context.Background())
	p.work.Go(p.sweep)
	return p
}

// Set changes the options. Workers that are too many now end.
func (p *Pool) Set(o Options) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.o = o.defaulted()
	if !p.closed {
		p.dismiss(p.shrink())
	}
}

// Take returns a worker for one attempt. A lease, where it is not empty, names who may use the worker
// again: one that served that lease before is preferred, and one that served another is never given.
func (p *Pool) Take(ctx context.Context, image Image, lease string) (*Worker, error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	w, err := p.waiting(image.Key(), lease)
	switch {
	case w != nil:
		p.crew.WorkerTaken(time.Since(w.since))
	case err == nil:
		w, err = p.begin(ctx, image)
	}
	if err != nil {
		return nil, err
	}
	w.lease = lease
	if w.jobs == 0 {
		p.refill(image)
	}
	return w, nil
}

// Fresh returns a worker that was started for this attempt, for one whose worker died under it.
func (p *Pool) Fresh(ctx context.Context, image Image, lease string) (*Worker, error) {
	w, err := p.begin(ctx, image)
	if err == nil {
		w.lease = lease
	}
	return w, err
}

// begin starts a worker and waits until it is ready.
func (p *Pool) begin(ctx context.Context, image Image) (*Worker, error) {
	load, release, err := image.Load()
	if err != nil {
		return nil, err
	}
	defer release()
	return p.start(ctx, image.Key(), load)
}

func (p *Pool) start(ctx context.Context, key string, load wire.Load) (*Worker, error) {
	p.mu.Lock()
	temp, closed := p.o.Temp, p.closed
	p.mu.Unlock()
	if closed {
		return nil, ErrClosed
	}
	w, err := start(ctx, p.spawner, p.crew, key, temp, load)
	if err != nil {
		return nil, err
	}
	if w.Ready.Whole != "" {
		p.log().Warn("a worker loads its module whole, which takes it longer", "pid", w.PID(), "reason", w.Ready.Whole)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stats.Started++
	return w, nil
}

// Return gives back a worker whose attempt is over. It is kept for its lease if status says that it may
// be used again, and ends otherwise, which Return waits for.
func (p *Pool) Return(w *Worker, status wire.Status) {
	p.mu.Lock()
	most := p.o.Jobs
	p.mu.Unlock()
	// A kill that came too late for the attempt is on its way all the same.
	keep := w.lease != "" && status.End == wire.Exited && status.Reusable && w.jobs < most && !w.killed.Load()
	if !keep {
		p.finish(w)
		return
	}
	p.put(w, false)
}

// finish ends a worker and waits for that.
func (p *Pool) finish(w *Worker) {
	if _, reaped := w.end(); !reaped {
		p.log().Error("a worker does not end, although it was killed", "pid", w.PID())
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
	if !p.closed {
		p.closed = true
		p.stop()
		p.dismiss(p.takeOut(func(*Worker) bool { return true }))
	}
	p.mu.Unlock()
	p.work.Wait()
}

func (p *Pool) log() hclog.Logger {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.o.Log
}
