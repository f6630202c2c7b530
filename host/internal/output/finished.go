package output

import (
	"container/list"
	"slices"
	"time"
)

// finished are the ended runs whose output can be dropped on its own: with a directory of their own
// or, in a store without a directory, in a ring. Oldest first. Store.mu guards it.
type finished struct {
	order list.List // of *finishedRun
	index map[Key]*list.Element
	fresh map[Key]struct{} // directories that this host made or knows, while it measures the others; then nil
}

type finishedRun struct {
	key  Key
	size int64
	end  time.Time
	run  *run // in memory only
}

// add appends a run that has just ended, of which nothing is known yet.
func (l *finished) add(r *finishedRun) {
	l.take(r.key)
	if l.index == nil {
		l.index = make(map[Key]*list.Element)
	}
	l.index[r.key] = l.order.PushBack(r)
}

// prepend puts runs that ended earlier, oldest first, before the others.
func (l *finished) prepend(runs []*finishedRun) {
	if l.index == nil {
		l.index = make(map[Key]*list.Element)
	}
	for _, r := range slices.Backward(runs) {
		if l.index[r.key] == nil {
			l.index[r.key] = l.order.PushFront(r)
		}
	}
}

// oldest returns the run that ended first, or nil.
func (l *finished) oldest() *finishedRun {
	if e := l.order.Front(); e != nil {
		return e.Value.(*finishedRun)
	}
	return nil
}

// take removes a run and returns its size.
func (l *finished) take(k Key) (int64, *run) {
	e := l.index[k]
	if e == nil {
		return 0, nil
	}
	delete(l.index, k)
	r := l.order.Remove(e).(*finishedRun)
	return r.size, r.run
}

// note says that the size of a directory is known.
func (l *finished) note(k Key) {
	if l.fresh != nil {
		l.fresh[k] = struct{}{}
	}
}

// recent are the runs that ended last. They stay in Store.runs for a while, so that a reader which
// comes before the end's reference is stored finds them. Store.mu guards it.
type recent struct {
	runs []*run
	next int
}

const maxRecent = 4096

// add returns the run that has to go for r, or nil.
func (l *recent) add(r *run) *run {
	if len(l.runs) < maxRecent {
		l.runs = append(l.runs, r)
		return nil
	}
	old := l.runs[l.next]
	l.runs[l.next] = r
	l.next = (l.next + 1) % maxRecent
	return old
}
