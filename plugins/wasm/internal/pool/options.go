package pool

import (
	"time"

	"github.com/hashicorp/go-hclog"
)

// Options say how many workers wait. The zero value keeps none in advance.
type Options struct {
	Warm   int           // idle workers per image that nobody has used
	Idle   time.Duration // after which an idle worker ends; 0 means a minute
	Memory int64         // bytes that all idle workers may take; 0 means any number
	Jobs   int           // attempts of a worker that is used again; 0 means 1000
	Temp   string        // where workers put what they need while they load; empty means the system's place
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
