package wire

import "time"

// A Counter is a number that a worker keeps where the plugin sees it at any time.
type Counter int

// The counters. They begin at zero with every job.
const (
	CPUTime   Counter = iota // nanoseconds of processor time, when the job is over
	PagesPeak                // most pages of 64 KiB that the guest's memory had
	Growths                  // how often it grew
	Opens                    // files and directories opened
	Denied                   // what the file system refused because it was not granted
)

// A Usage is what a job used. It is the worker's word.
type Usage struct {
	CPU                               time.Duration // zero while the job runs
	PagesPeak, Growths, Opens, Denied uint64
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
	}
}
