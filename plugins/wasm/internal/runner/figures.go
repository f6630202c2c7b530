package runner

import "github.com/soltihq/solti-host/plugins/wasm/internal/metrics"

// censused is how many workers are looked at for one scrape: that takes the kernel some hundred microseconds
// for each, in which the worker cannot get memory.
const censused = 32

// figures returns what the engine counts. Before the first attempt there is none.
func (r *Runner) figures() (f metrics.Figures, ok bool) {
	e, _ := r.now()
	if e == nil {
		return f, false
	}
	f.Cache, f.Modules = e.studio.Stats()
	f.Native = e.studio.Native()
	f.Pool = e.pool.Stats()
	f.Workers, f.PSS = e.pool.Census(censused)
	return f, true
}
