package compile

import (
	"context"
	"slices"
	"sync"
)

// A place is where a child runs.
type place int

// The places.
const (
	ordinary place = iota // takes any module
	quick                 // takes small ones, as long as they do not take long
)

// small is how large a module may be for a quick place, in bytes.
const small = 4 << 20

// mostPassed is how many turns in a row may pass over the one who waits longest.
const mostPassed = 8

// A queue hands out places so that modules that are done soon do not wait for those that take long. Of those who
// wait the smallest is next, and after as many turns as mostPassed the one who waits longest. So everybody's turn
// comes, and many large ones who wait do not hold up a small one either.
type queue struct {
	most int // may wait

	mu      sync.Mutex
	free    [2]int    // guarded by mu; places of each kind
	passed  [2]int    // guarded by mu; how many turns in a row passed over the one who waits longest for such a place
	waiting []*waiter // guarded by mu; in the order in which they came
}

// A waiter wants one place.
type waiter struct {
	size  int64 // of its module, in bytes
	quick bool  // a quick place will do
	turn  chan place
}

// newQueue makes a queue of so many ordinary places, one quick one, and at most so many who wait.
func newQueue(places, most int) *queue {
	return &queue{most: most, free: [2]int{ordinary: places, quick: 1}}
}

// enter waits for a place, which the caller gives back with leave. Who comes back from a quick place because it took
// too long there waits for an ordinary one, however many do.
func (q *queue) enter(ctx context.Context, size int64, back bool) (place, error) {
	w := &waiter{size: size, quick: size <= small && !back, turn: make(chan place, 1)}
	if err := q.line(w, back); err != nil {
		return 0, err
	}
	select {
	case p := <-w.turn:
		return p, nil
	case <-ctx.Done():
		q.abandon(w)
		return 0, context.Cause(ctx)
	}
}

// leave gives a place back.
func (q *queue) leave(p place) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.free[p]++
	q.serve()
}

// line has somebody wait, at most for a moment if there is a place.
func (q *queue) line(w *waiter, anyway bool) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.waiting = append(q.waiting, w)
	q.serve()
	if last := len(q.waiting) - 1; last >= q.most && q.waiting[last] == w && !anyway {
		q.waiting = q.waiting[:last]
		return &QueueError{q.most}
	}
	return nil
}

// abandon is leave for somebody who waits or has just been let in.
func (q *queue) abandon(w *waiter) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if i := slices.Index(q.waiting, w); i >= 0 {
		q.waiting = slices.Delete(q.waiting, i, i+1)
		return
	}
	q.free[<-w.turn]++
	q.serve()
}

// serve lets in whom there is a place for. The caller holds mu.
func (q *queue) serve() {
	for _, p := range []place{ordinary, quick} {
		for q.free[p] > 0 {
			i := q.next(p)
			if i < 0 {
				break
			}
			w := q.waiting[i]
			q.waiting = slices.Delete(q.waiting, i, i+1)
			q.free[p]--
			w.turn <- p
		}
	}
}

// next takes whose turn it is for a place, and returns -1 if nobody waits for one. The caller holds mu.
func (q *queue) next(p place) int {
	longest, smallest := -1, -1
	for i, w := range q.waiting {
		if p == quick && !w.quick {
			continue
		}
		if longest < 0 {
			longest, smallest = i, i
		}
		if w.size < q.waiting[smallest].size {
			smallest = i
		}
	}
	if q.passed[p]++; longest == smallest || q.passed[p] > mostPassed {
		q.passed[p] = 0
		return longest
	}
	return smallest
}
