package api

import (
	"runtime"
	"sync"
	"time"
)

// turns are taken by those who encode and write much output, half as many at a time as there are
// processors: however many follow, the rest is left to the tasks that write. Who waits is let in in
// the order of arrival, so that followers of one task stay close together and share what was read.
type turns struct {
	slots   chan struct{} // cap: turns at a time
	buffers sync.Pool     // of *[]byte, in which output is encoded while it is written
}

const (
	// turnTime is how long a turn lasts at most: a client that does not take what is written to it
	// keeps the others waiting no longer.
	turnTime = time.Millisecond
	// turnSize is how many bytes of output are written without a turn.
	turnSize = 4 << 10
)

func newTurns() *turns {
	return &turns{
		slots:   make(chan struct{}, max(1, runtime.GOMAXPROCS(0)/2)),
		buffers: sync.Pool{New: func() any { return new([]byte) }},
	}
}

// take waits for a turn. It ends when end is called, or when its time is over.
func (t *turns) take() (end func()) {
	t.slots <- struct{}{}
	leave := sync.OnceFunc(func() { <-t.slots })
	timer := time.AfterFunc(turnTime, leave)
	return func() {
		timer.Stop()
		leave()
	}
}
