package supervisor

import (
	"container/heap"
	"time"
)

// timers are the waiting entries, the earliest first.
type timers []*entry

func (t timers) Len() int           { return len(t) }
func (t timers) Less(i, j int) bool { return t[i].at.Before(t[j].at) }
func (t timers) Swap(i, j int) {
	t[i], t[j] = t[j], t[i]
	t[i].heap, t[j].heap = i, j
}

// Push implements heap.Interface.
func (t *timers) Push(x any) {
	e := x.(*entry)
	e.heap = len(*t)
	*t = append(*t, e)
}

// Pop implements heap.Interface.
func (t *timers) Pop() any {
	old := *t
	e := old[len(old)-1]
	old[len(old)-1] = nil
	*t = old[:len(old)-1]
	e.heap = -1
	return e
}

func (t *timers) set(e *entry, at time.Time) {
	t.clear(e)
	e.at = at
	heap.Push(t, e)
}

func (t *timers) clear(e *entry) {
	if e.heap >= 0 {
		heap.Remove(t, e.heap)
	}
}

// due takes out the earliest entry if its time has come.
func (t *timers) due(now time.Time) *entry {
	if len(*t) == 0 || (*t)[0].at.After(now) {
		return nil
	}
	return heap.Pop(t).(*entry)
}

// next returns the earliest time.
func (t timers) next() (time.Time, bool) {
	if len(t) == 0 {
		return time.Time{}, false
	}
	return t[0].at, true
}
