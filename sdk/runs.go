package sdk

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"google.golang.org/grpc/codes"

	pluginv1 "github.com/soltihq/solti-host/shared/proto/solti/plugin/v1"
)

const (
	rememberRuns  = 4096 // run ids that are refused a second time
	rememberStops = 256  // stops that came before their run
)

// runs is the table of attempts. An attempt is live from the moment its request is accepted until
// its Run has returned; its Exited frame is queued after that, so that a host that has read it finds
// room for the next.
type runs struct {
	mu      sync.Mutex
	live    map[string]*attempt // guarded by mu
	past    recent[struct{}]    // guarded by mu; ids of attempts that are over
	early   recent[earlyStop]   // guarded by mu; stops of ids never seen: a stop may overtake its run
	closed  error               // guarded by mu; why no attempt is taken any more
	sending int                 // guarded by mu; calls that have not returned
	changed chan struct{}       // guarded by mu; closed when live or sending changes; nil while nobody watches
}

type earlyStop struct {
	reason StopReason
	grace  time.Duration
}

func newRuns() *runs {
	return &runs{
		live:  make(map[string]*attempt),
		past:  newRecent[struct{}](rememberRuns),
		early: newRecent[earlyStop](rememberStops),
	}
}

// add makes a live, unless its id is known or there are limit attempts already; zero is no limit.
func (t *runs) add(a *attempt, limit int) error {
	id := a.run.ID
	t.mu.Lock()
	defer t.mu.Unlock()
	_, past := t.past.get(id)
	switch {
	case t.live[id] != nil || past:
		return conflict("run %s is known already", id)
	case t.closed != nil:
		return t.closed
	case limit > 0 && len(t.live) >= limit:
		return Capacity(0)
	}
	t.live[id] = a
	if s, ok := t.early.get(id); ok {
		a.stop(s.reason, s.grace)
	}
	t.notify()
	return nil
}

// remove ends a's life. If it was made, its id is never taken again; otherwise the same request may
// be tried once more.
func (t *runs) remove(a *attempt, made bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.live, a.run.ID)
	if made {
		t.past.put(a.run.ID, struct{}{})
	}
	t.notify()
}

// stop passes a stop on to the attempt, keeps it for one that has not come yet, and ignores it for
// one that is over.
func (t *runs) stop(id string, reason StopReason, grace time.Duration) {
	t.mu.Lock()
	a := t.live[id]
	if _, past := t.past.get(id); a == nil && !past {
		t.early.put(id, earlyStop{reason, grace})
	}
	t.mu.Unlock()
	if a != nil {
		a.stop(reason, grace)
	}
}

// close takes no attempts from now on; the first reason holds.
func (t *runs) close(why error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed == nil {
		t.closed = why
	}
}

// all returns the live attempts.
func (t *runs) all() []*attempt {
	t.mu.Lock()
	defer t.mu.Unlock()
	list := make([]*attempt, 0, len(t.live))
	for _, a := range t.live {
		list = append(list, a)
	}
	return list
}

// ids returns the ids of the live attempts, sorted.
func (t *runs) ids() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	ids := make([]string, 0, len(t.live))
	for id := range t.live {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

// calling counts the calls that send frames.
func (t *runs) calling(delta int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.sending += delta
	t.notify()
}

// watch returns the numbers of live attempts and of calls, and a channel that is closed when one of
// them changes.
func (t *runs) watch() (live, sending int, changed <-chan struct{}) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.changed == nil {
		t.changed = make(chan struct{})
	}
	return len(t.live), t.sending, t.changed
}

// notify is called with mu held.
func (t *runs) notify() {
	if t.changed != nil {
		close(t.changed)
		t.changed = nil
	}
}

func conflict(format string, args ...any) error {
	return &refusal{
		reason: pluginv1.Reason_REASON_CONFLICT, code: codes.AlreadyExists, err: fmt.Errorf(format, args...),
	}
}

func notReady(text string) error {
	return &refusal{
		reason: pluginv1.Reason_REASON_NOT_READY, code: codes.Unavailable, retryable: true,
		err: errors.New(text),
	}
}
