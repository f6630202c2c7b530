package process

import (
	"context"
	"runtime"
	"sync"
	"time"
)

// youth is how long a process that was just started counts against the gate.
const youth = 5 * time.Millisecond

// A startGate bounds how many processes are young at one time. A fork and an exec cost time in proportion
// to the descriptors that are open, and every attempt holds some: a burst of short processes is over
// sooner when a few of them at a time are started, run and buried. Processes that live longer leave
// the gate when they are no longer young, so that any number of them may run.
type startGate struct{ places chan struct{} }

func newStartGate() startGate { return startGate{make(chan struct{}, 4*runtime.GOMAXPROCS(0))} }

// enter waits for a place and returns how to leave it, which happens by itself after a while.
func (g startGate) enter(ctx context.Context) (leave func(), err error) {
	select {
	case g.places <- struct{}{}:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	var once sync.Once
	free := func() { once.Do(func() { <-g.places }) }
	grown := time.AfterFunc(youth, free)
	return func() {
		grown.Stop()
		free()
	}, nil
}
