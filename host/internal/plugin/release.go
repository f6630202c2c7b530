package plugin

import (
	"context"
	"sync"
	"time"

	pluginv1 "github.com/soltihq/solti-host/shared/proto/solti/plugin/v1"
)

// Bounds of handles that wait to be released.
const (
	releaseBatch = 1000
	maxReleases  = 100_000 // what is above is forgotten: the plugin frees all handles when it ends
)

// A releaser collects handles and releases them together. Its zero value works.
type releaser struct {
	mu     sync.Mutex
	queue  []string // guarded by mu
	timer  *time.Timer
	closed bool           // guarded by mu
	work   sync.WaitGroup // of a flush that is due or at work; added to under mu
}

// Release tells the plugin, soon and together with others, that a handle is not needed any more. It
// does not wait, and a plugin that is down has forgotten its handles already.
func (p *Plugin) Release(handle string) {
	r := &p.handles
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed || len(r.queue) >= maxReleases || p.current.Load() == nil {
		return
	}
	r.queue = append(r.queue, handle)
	if len(r.queue) == 1 {
		r.work.Add(1)
		r.timer = time.AfterFunc(p.set.o.Timing.Release, p.flushReleases)
	}
}

func (p *Plugin) flushReleases() {
	r := &p.handles
	defer r.work.Done()
	r.mu.Lock()
	all := r.queue
	r.queue = nil
	r.mu.Unlock()
	for len(all) > 0 {
		n := min(len(all), releaseBatch)
		err := p.call(p.set.run, "ReleaseTask", p.set.o.Timing.Call, func(ctx context.Context, g *generation) error {
			_, err := g.client.ReleaseTask(ctx, &pluginv1.ReleaseTaskRequest{HandleIds: all[:n]})
			return err
		})
		if err != nil {
			p.log.Debug("handles are not released", "handles", len(all), "error", err)
			return
		}
		all = all[n:]
	}
}

// close drops what is queued and waits for what is at work.
func (r *releaser) close() {
	r.mu.Lock()
	r.closed = true
	if r.timer != nil && r.timer.Stop() {
		r.work.Done()
	}
	r.mu.Unlock()
	r.work.Wait()
}
