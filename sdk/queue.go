package sdk

import (
	"errors"
	"maps"
	"math"
	"sync"

	"google.golang.org/protobuf/types/known/timestamppb"

	pluginv1 "github.com/soltihq/solti-host/shared/proto/solti/plugin/v1"
)

const (
	maxPending = 256 << 10 // bytes that a run may have waiting; a message is about as large at most
	maxItems   = 1024      // frames that a run may have waiting
	itemCost   = 64        // what a frame without output weighs, beside its texts
)

// Bounds of gaps.
const (
	maxReason = 256               // bytes
	maxTotal  = math.MaxInt64 / 2 // bytes of a stream, gaps included
)

// ErrOver is what writing to a run returns once the run is over, and ErrStreamBroken what it returns
// once the host no longer listens.
var (
	ErrOver         = errors.New("the attempt is over")
	ErrStreamBroken = errors.New("the host no longer listens to this attempt")
)

// A queue holds what a run has to tell until it is sent. Writers wait while it is full; the one
// goroutine that sends never waits for a writer. Output of the same stream grows together, so that
// what a slow host reads comes in few large frames.
type queue struct {
	mu      sync.Mutex
	room    sync.Cond         // on mu; signaled when batch has become empty and when err is set
	batch   batch             // guarded by mu
	weight  int               // guarded by mu; bytes in batch
	begun   bool              // guarded by mu; Started has been queued
	facts   map[string]string // guarded by mu; to go with Started
	waiting int               // guarded by mu; writers in room
	err     error             // guarded by mu; set once: nothing is taken any more
	totals  [2]uint64         // guarded by mu; bytes taken and left out, per stream

	wake chan struct{} // holds a token when batch is not empty
}

func (q *queue) init() {
	q.room.L = &q.mu
	q.wake = make(chan struct{}, 1)
}

// write queues a copy of p. It returns when all of p is queued or nothing more is taken.
func (q *queue) write(stream pluginv1.Stream, p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	written := 0
	for written < len(p) {
		if err := q.await(); err != nil {
			return written, err
		}
		q.begin("")
		n := min(len(p)-written, maxPending-q.weight)
		q.output(stream, p[written:written+n])
		written += n
		q.poke()
	}
	return written, nil
}

// gap queues that n bytes of a stream are left out, or makes a gap longer that waits last.
func (q *queue) gap(stream pluginv1.Stream, n uint64, reason string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.await() != nil {
		return
	}
	q.begin("")
	total := q.total(stream)
	if n = min(n, maxTotal-min(*total, maxTotal)); n == 0 {
		return
	}
	if last := q.lastGap(); last != nil && last.Stream == stream && last.Reason == reason {
		last.Bytes += n
	} else {
		g := &pluginv1.Gap{Stream: stream, Offset: *total, Bytes: n, Reason: reason}
		q.push(&pluginv1.Frame{Time: timestamppb.Now(), Body: &pluginv1.Frame_Gap{Gap: g}}, itemCost+len(reason))
	}
	*total += n
	q.poke()
}

// event queues a frame that weighs about so many bytes. It may come before Started.
func (q *queue) event(f *pluginv1.Frame, weight int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.await() != nil {
		return
	}
	q.push(f, weight)
	q.poke()
}

// tell adds to what goes with the Started frame.
func (q *queue) tell(facts map[string]string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.begun || q.err != nil {
		return
	}
	if q.facts == nil {
		q.facts = make(map[string]string, len(facts))
	}
	maps.Copy(q.facts, facts)
}

// started queues the Started frame unless that has been done.
func (q *queue) started(externalID string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.err == nil && !q.begun {
		q.begin(externalID)
		q.poke()
	}
}

// finish queues the Exited frame, with the totals filled in, and takes nothing more. With begun a
// missing Started goes before it.
func (q *queue) finish(x *pluginv1.Exited, begun bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.err != nil {
		return
	}
	if begun {
		q.begin("")
	}
	x.StdoutBytes, x.StderrBytes = q.totals[0], q.totals[1]
	q.push(&pluginv1.Frame{Time: timestamppb.Now(), Body: &pluginv1.Frame_Exited{Exited: x}}, 0)
	q.batch.last = true
	q.close(ErrOver)
	q.poke()
}

// breakOff drops what waits and takes nothing more.
func (q *queue) breakOff() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.err == nil || q.batch.last {
		q.batch.items, q.weight = nil, 0
		q.close(ErrStreamBroken)
	}
}

// take swaps what is queued against the empty batch b.
func (q *queue) take(b *batch) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.batch, *b = *b, q.batch
	q.weight = 0
	if q.waiting > 0 {
		q.room.Broadcast()
	}
}

// The methods below are called with mu held.

func (q *queue) await() error {
	for q.err == nil && (q.weight >= maxPending || len(q.batch.items) >= maxItems) {
		q.waiting++
		q.room.Wait()
		q.waiting--
	}
	return q.err
}

func (q *queue) begin(externalID string) {
	if q.begun {
		return
	}
	q.begun = true
	s, weight := &pluginv1.Started{ExternalId: clip(externalID, 256)}, itemCost
	if len(q.facts) > 0 {
		s.Facts, q.facts = boundFacts(q.facts), nil
		for name, value := range s.Facts {
			weight += len(name) + len(value)
		}
	}
	q.push(&pluginv1.Frame{Time: timestamppb.Now(), Body: &pluginv1.Frame_Started{Started: s}}, weight)
}

func (q *queue) push(f *pluginv1.Frame, weight int) {
	q.batch.items = append(q.batch.items, item{frame: f})
	q.weight += weight
}

// total is how many bytes of a stream were taken or left out.
func (q *queue) total(stream pluginv1.Stream) *uint64 {
	if stream == pluginv1.Stream_STREAM_STDERR {
		return &q.totals[1]
	}
	return &q.totals[0]
}

// lastGap returns the gap that is the last of what waits, or nil.
func (q *queue) lastGap() *pluginv1.Gap {
	if n := len(q.batch.items); n > 0 {
		return q.batch.items[n-1].frame.GetGap()
	}
	return nil
}

func (q *queue) output(stream pluginv1.Stream, p []byte) {
	total := q.total(stream)
	b := &q.batch
	b.append(p)
	if last := len(b.items) - 1; last >= 0 && b.items[last].n > 0 && b.items[last].stream == stream {
		b.items[last].n += len(p)
	} else {
		b.items = append(b.items, item{stream: stream, offset: *total, n: len(p)})
	}
	*total += uint64(len(p))
	q.weight += len(p)
}

func (q *queue) poke() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

func (q *queue) close(err error) {
	q.err = err
	q.room.Broadcast()
}
