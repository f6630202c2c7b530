package pool

import (
	"context"
	"time"

	"github.com/soltihq/solti-host/plugins/wasm/internal/wire"
)

// refillLimit is how long a worker may take to be ready that nobody waits for.
const refillLimit = time.Minute

// refill starts the workers that are missing, behind the back of whoever took one. Guests that are
// interpreted have no workers kept: soon they will be compiled, and those would be of no use.
func (p *Pool) refill(image Image) {
	for key := image.Key(); p.reserve(key); {
		if !p.prepare(image, key) {
			return
		}
	}
}

// prepare begins to start a worker for which there is a reservation, if the image is there and is such that
// workers are kept.
func (p *Pool) prepare(image Image, key string) bool {
	load, release, err := image.Load() // now, as long as the caller has the image
	if err != nil || load.Engine == wire.EngineInterpreter {
		if err == nil {
			release()
		}
		p.abandon(key)
		p.work.Done()
		return false
	}
	go func() {
		defer p.work.Done()
		ctx, cancel := context.WithTimeout(p.ctx, refillLimit)
		defer cancel()
		w, err := p.start(ctx, key, load)
		release()
		if err == nil {
			p.put(w, true)
			return
		}
		p.abandon(key)
		if p.ctx.Err() == nil {
			p.log().Warn("no worker can be kept ready", "error", err)
		}
	}()
	return true
}

// reserve notes that a worker is on its way, if there is room for one. Its caller calls work.Done.
func (p *Pool) reserve(key string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || p.fresh(key)+p.starting[key] >= p.o.Warm {
		return false
	}
	p.starting[key]++
	p.work.Add(1)
	return true
}

// abandon notes that no worker comes after all.
func (p *Pool) abandon(key string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.arrived(key)
}

// arrived notes that a worker is no longer on its way. The caller holds mu.
func (p *Pool) arrived(key string) {
	if p.starting[key]--; p.starting[key] == 0 {
		delete(p.starting, key)
	}
}
