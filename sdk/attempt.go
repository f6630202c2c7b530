package sdk

import (
	"context"
	"io"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	pluginv1 "github.com/soltihq/solti-host/shared/proto/solti/plugin/v1"
)

const (
	defaultGrace = 5 * time.Second // between asking and forcing, when the plugin stops by itself
	forceWait    = 5 * time.Second // after force, until an attempt is reported as stuck
)

// An attempt is one live run: what it has to tell, and how it is stopped. It is the machine room of
// a [Run].
type attempt struct {
	run    Run
	queue  queue
	stdout writer
	stderr writer
	grace  time.Duration

	ctx    context.Context // the attempt's life, which no call spans
	cancel context.CancelCauseFunc
	force  chan struct{} // closed by forceNow, after the end of ctx

	mu     sync.Mutex
	reason StopReason  // guarded by mu; meaningful once at is set
	at     time.Time   // guarded by mu; when force is due; zero while nobody has asked
	timer  *time.Timer // guarded by mu; the next step after a stop
	forced bool        // guarded by mu
	over   bool        // guarded by mu; Run has returned
}

func newAttempt(req *pluginv1.RunTaskRequest, log hclog.Logger) *attempt {
	a := &attempt{grace: defaultGrace, force: make(chan struct{})}
	if req.StopGrace != nil {
		a.grace = max(req.StopGrace.AsDuration(), 0)
	}
	a.ctx, a.cancel = context.WithCancelCause(context.Background())
	a.queue.init()
	a.stdout = writer{&a.queue, pluginv1.Stream_STREAM_STDOUT}
	a.stderr = writer{&a.queue, pluginv1.Stream_STREAM_STDERR}
	a.run = Run{
		ID:      req.RunId,
		Attempt: int(req.Attempt),
		Env:     req.Env,
		Log:     log.With("run", req.RunId),
		Stdout:  &a.stdout,
		Stderr:  &a.stderr,
		a:       a,
	}
	return a
}

// stop asks the attempt to end and sees to it that it is forced after the grace. A later call may
// shorten the grace; the first reason holds.
func (a *attempt) stop(reason StopReason, grace time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.over || a.forced {
		return
	}
	at := time.Now().Add(grace)
	switch {
	case a.at.IsZero():
		a.reason, a.at = reason, at
		a.cancel(&StopError{Reason: reason})
		if grace > 0 {
			a.timer = time.AfterFunc(grace, a.forceNow)
			return
		}
	case !at.Before(a.at):
		return
	default:
		a.at = at
		if grace > 0 {
			a.timer.Reset(grace)
			return
		}
	}
	a.forceLocked()
}

func (a *attempt) forceNow() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.forceLocked()
}

func (a *attempt) forceLocked() {
	if a.over || a.forced {
		return
	}
	a.forced = true
	close(a.force)
	if a.timer != nil {
		a.timer.Stop()
	}
	a.timer = time.AfterFunc(forceWait, func() {
		a.run.Log.Warn("attempt goes on although it was forced to end", "reason", a.reason.String())
	})
}

// end says that Run has returned or will not be called, and whether a stop had been asked for.
func (a *attempt) end() (stopped bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.over = true
	if a.timer != nil {
		a.timer.Stop()
	}
	stopped = !a.at.IsZero()
	if !stopped {
		a.cancel(nil)
	}
	return stopped
}

func (a *attempt) stopReason() StopReason {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.reason
}

func (a *attempt) deadline() time.Time {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.at
}

// abandon is called when the host no longer reads the attempt's stream.
func (a *attempt) abandon(end connEnd) {
	a.queue.breakOff()
	switch end {
	case connLost:
		a.stop(StopHostLost, a.grace)
	case connClosed:
		a.stop(StopShutdown, a.grace)
	default: // the host canceled this stream and no other
		a.stop(StopCanceled, 0)
	}
}

func (a *attempt) event(name, message string, attrs map[string]string) {
	e := &pluginv1.Event{Name: clip(name, 256), Message: clip(message, maxText)}
	weight := itemCost + len(e.Name) + len(e.Message)
	for k, v := range attrs {
		if len(e.Attributes) == maxAttributes {
			break
		}
		if e.Attributes == nil {
			e.Attributes = make(map[string]string, min(len(attrs), maxAttributes))
		}
		k, v = clip(k, 256), clip(v, 4<<10)
		e.Attributes[k] = v
		weight += len(k) + len(v)
	}
	a.queue.event(&pluginv1.Frame{Time: timestamppb.Now(), Body: &pluginv1.Frame_Event{Event: e}}, weight)
}

const maxAttributes = 32

func (a *attempt) stats(s Stats) {
	a.queue.event(&pluginv1.Frame{Time: timestamppb.Now(), Body: &pluginv1.Frame_Stats{
		Stats: &pluginv1.Stats{
			CpuTime:         durationpb.New(s.CPUTime),
			MemoryBytes:     s.MemoryBytes,
			MemoryPeakBytes: s.MemoryPeakBytes,
			Processes:       s.Processes,
		},
	}}, itemCost)
}

// A writer is one output stream of a run.
type writer struct {
	queue  *queue
	stream pluginv1.Stream
}

func (w *writer) Write(p []byte) (int, error) { return w.queue.write(w.stream, p) }

// copyBuffers holds what ReadFrom copies through, so that a run's pipes cost no memory of their own.
var copyBuffers = sync.Pool{New: func() any {
	b := make([]byte, MaxChunk)
	return &b
}}

// ReadFrom copies r to the stream until its end.
func (w *writer) ReadFrom(r io.Reader) (int64, error) {
	buf := copyBuffers.Get().(*[]byte) // the pool holds nothing else
	defer copyBuffers.Put(buf)
	return io.CopyBuffer(struct{ io.Writer }{w}, r, *buf)
}
