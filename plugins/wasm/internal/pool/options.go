package pool

import (
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/soltihq/solti-host/plugins/wasm/internal/wire"
)

// Options say how many workers wait. The zero value keeps none in advance.
type Options struct {
	Warm   int           // idle workers per image that nobody has used
	Idle   time.Duration // after which an idle worker ends; 0 means a minute
	Memory int64         // bytes that all idle workers may take; 0 means any number
	Jobs   int           // attempts of a worker that is used again; 0 means 1000
	Temp   string        // where workers put what they need while they load; empty means the system's place
	Log    hclog.Logger

	Observer Observer // nil means none; it is that of New, and stays
}

// An Observer is told what workers do. Its methods are called from any goroutine and return at once.
type Observer interface {
	// WorkerTaken is told every worker that waited for the attempt, and how long it had.
	WorkerTaken(waited time.Duration)
	// WorkerSpawned is told how long it took to start a process.
	WorkerSpawned(took time.Duration)
	// WorkerLoaded is told what a worker said when it was ready.
	WorkerLoaded(ready wire.Ready, took time.Duration)
	// WorkerReaped is told how long the pool waited for the end of a process, or, if Kill was called, how
	// long after it the process was gone.
	WorkerReaped(killed bool, took time.Duration)
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
