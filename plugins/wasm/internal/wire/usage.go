package wire

import "time"

// A Counter is a number that a worker keeps where the plugin sees it at any time.
type Counter int

// The counters. They begin at zero with every job.
const (
	CPUTime         Counter = iota // nanoseconds of processor time, when the job is over
	PagesPeak                      // most pages of 64 KiB that the guest's memory had
	Growths                        // how often it grew
	Opens                          // files and directories opened
	Denied                         // what the file system refused because it was not granted
	QuotaHits                      // what it refused because the quota of a mount was used up
	StdoutDiscarded                // bytes that the worker discarded because it was told to
	StderrDiscarded                // the same of the other stream
	Begun                          // 1 from just before the first instruction of the guest on
)

// A Usage is what a job used. All but Throttled is the worker's word.
type Usage struct {
	CPU                                          time.Duration // zero while the job runs
	PagesPeak, Growths, Opens, Denied, QuotaHits uint64
	Throttled                                    time.Duration // how long output has waited because of its rate
	Begun                                        bool          // the guest may have run; false means that it has not
}

// Usage returns what the job that runs, or ran last, has used until now. It may be called at any time.
func (p *Parent) Usage() Usage {
	at := func(c Counter) uint64 { return p.shared.words.counters[c].Load() }
	return Usage{
		CPU:       time.Duration(min(at(CPUTime), 1<<62)),
		PagesPeak: at(PagesPeak),
		Growths:   at(Growths),
		Opens:     at(Opens),
		Denied:    at(Denied),
		QuotaHits: at(QuotaHits),
		Throttled: time.Duration(p.throttled.Load()),
		Begun:     at(Begun) != 0,
	}
}

// throttle is told how long output has to wait now, and adds up how long it has.
func (r *run) throttle(wait time.Duration) {
	switch {
	case wait > 0 && r.waiting.IsZero():
		r.waiting = time.Now()
	case wait == 0 && !r.waiting.IsZero():
		r.throttled.Add(int64(time.Since(r.waiting)))
		r.waiting = time.Time{}
	}
}
