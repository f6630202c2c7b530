package plugin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/soltihq/solti-host/host/task"
	pluginv1 "github.com/soltihq/solti-host/shared/proto/solti/plugin/v1"
)

// An Attempt is one execution to be made.
type Attempt struct {
	RunID     task.RunID // never used before
	Handle    string     // at most 128 bytes; rebuilt from Task if the plugin does not know it
	Number    int        // from 1
	Task      *task.Task
	Env       map[string]string // for this attempt alone; wins over every other
	StopGrace time.Duration     // between asking the attempt to end and force; 0 means force at once
}

// A Sink takes what an attempt sends, in order, from the goroutine that called Run. Data belongs to
// the sink. While a method has not returned, nothing more is read from the attempt.
//
// A Sink that is an [Events] is told events and resource use as well.
type Sink interface {
	// Started is called at most once, before all output. The facts are within their bounds; nil means none.
	Started(externalID string, facts map[string]string)
	// Output is a piece of a stream, 1 to 32768 bytes. Offsets of a stream join without holes.
	Output(s task.Stream, offset int64, data []byte, at time.Time)
	// Gap stands where n bytes of a stream were lost.
	Gap(s task.Stream, offset, n int64, why string)
}

// Events takes what is worth telling about an attempt, beside its output.
type Events interface {
	Event(name, message string, attributes map[string]string, at time.Time)
	Stats(Stats)
}

// Stats is the resource use of an attempt since its start. Zero means not known.
type Stats struct {
	CPU        time.Duration
	Memory     int64 // bytes, now
	MemoryPeak int64 // bytes
	Processes  int   // now
}

// An Exit is the attempt's own result, as the plugin tells it.
type Exit struct {
	Result         pluginv1.Result // never RESULT_UNSPECIFIED
	ExitCode       *int
	Signal         string // such as SIGKILL; empty means none
	Message        string // at most task.MaxMessage bytes of UTF-8
	Permanent      bool
	Stdout, Stderr int64 // bytes written, lost ones included
}

// exitWait is how long the stream may stay open after the Exited frame.
const exitWait = 2 * time.Second

// Run makes one attempt and returns when it is over and nothing of it is alive. When ctx ends, the
// attempt is stopped for the reason that the cause of ctx gives, a [*task.StopError].
//
// The error is ErrDown if the plugin is not ready, a [*CapacityError] if it takes no more, and a
// [*task.Error] if it refuses to build the task: nothing was started then. It is a [*LostError] if the
// plugin failed.
func (p *Plugin) Run(ctx context.Context, a Attempt, sink Sink) (Exit, error) {
	if ctx.Err() != nil {
		return Exit{Result: pluginv1.Result_RESULT_CANCELED}, nil
	}
	g := p.current.Load()
	if g == nil {
		return Exit{}, fmt.Errorf("plugin %s: %w", p.name, ErrDown)
	}
	if !g.runs.add(a.RunID, g.id.MaxRuns) {
		return Exit{}, &CapacityError{
			RetryAfter: capacityRetry, Message: fmt.Sprintf("%s runs %d attempts at one time", p.name, g.id.MaxRuns),
		}
	}
	defer g.runs.remove(a.RunID)
	began := time.Now()
	at := &attempt{Attempt: a, g: g, sink: sink, over: make(chan struct{}), ended: make(chan struct{})}
	at.events, _ = sink.(Events)
	streamCtx, cancel := context.WithCancel(g.ctx)
	defer cancel()
	at.cancel = cancel
	unwatch := context.AfterFunc(ctx, func() { at.stop(ctx) })
	exit, err := at.run(streamCtx)
	close(at.over)
	if !unwatch() {
		<-at.ended
	}
	p.observe("RunTask", at.status, began)
	return exit, err
}

// An attempt is one Run in progress.
type attempt struct {
	Attempt
	g      *generation
	sink   Sink
	events Events // nil if the sink takes none
	cancel context.CancelFunc
	stream grpc.ServerStreamingClient[pluginv1.RunTaskResponse]
	frames frames
	status error // how the call ended, for metrics

	seen  atomic.Bool   // the plugin has sent a frame
	over  chan struct{} // closed when the attempt is over
	ended chan struct{} // closed when stop, if it was called, has returned
}

func (at *attempt) run(ctx context.Context) (Exit, error) {
	req := &pluginv1.RunTaskRequest{
		RunId: string(at.RunID), HandleId: at.Handle, Attempt: uint32(at.Number), //nolint:gosec // from 1
		Build: at.g.plugin.buildRequest(at.Handle, at.Task, false),
		Env:   at.Env, StopGrace: durationpb.New(at.StopGrace),
	}
	var err error
	if at.stream, err = at.g.client.RunTask(ctx, req); err != nil {
		return at.broken(err)
	}
	for {
		m, err := at.stream.Recv()
		if err != nil {
			return at.broken(err)
		}
		for i, f := range m.GetFrames() {
			if err := at.frames.take(f, at); err != nil {
				return at.violated(err)
			}
			if at.frames.exited != nil {
				if i != len(m.GetFrames())-1 {
					return at.violated(errors.New("it sent frames after Exited"))
				}
				return at.finish()
			}
		}
		at.seen.Store(true)
	}
}

// finish waits for the end of the stream, which has nothing more to say.
func (at *attempt) finish() (Exit, error) {
	hurry := time.AfterFunc(exitWait, at.cancel)
	defer hurry.Stop()
	if _, err := at.stream.Recv(); err == nil {
		return at.violated(errors.New("it sent frames after Exited"))
	} else if !errors.Is(err, io.EOF) {
		at.g.plugin.log.Debug("the stream of a run did not end well", "run", at.RunID, "error", err)
	}
	return at.frames.exit(), nil
}

// broken returns what an attempt comes to whose stream ended without Exited.
func (at *attempt) broken(err error) (Exit, error) {
	at.status = err
	if !at.seen.Load() {
		if told := refusal(err); told != nil {
			return Exit{}, told
		}
	}
	// As a rule the process is dead and this is how one learns of it.
	timer := time.NewTimer(deathWait)
	defer timer.Stop()
	select {
	case <-at.g.proc.Exited():
		return at.lost("")
	case <-timer.C:
	}
	why := "the stream ended without Exited"
	if !errors.Is(err, io.EOF) {
		why = "the stream broke: " + status.Convert(err).Message()
	}
	return at.violated(errors.New(why))
}

// deathWait is how long the death of a process may take to show after its connection has broken.
const deathWait = 250 * time.Millisecond

// violated ends the generation: nobody knows what is alive.
func (at *attempt) violated(err error) (Exit, error) {
	if at.status == nil {
		at.status = errViolated
	}
	at.g.plugin.log.Error("the plugin broke the contract and is killed", "run", at.RunID, "error", err)
	at.g.kill(fmt.Sprintf("run %s: %v", at.RunID, err))
	return at.lost(err.Error())
}

var errViolated = status.Error(codes.DataLoss, "the plugin broke the contract")

// lost waits until nothing of the generation is left.
func (at *attempt) lost(why string) (Exit, error) {
	at.cancel()
	<-at.g.proc.Gone()
	cause := fmt.Sprintf("plugin %s, generation %d: %s", at.g.plugin.name, at.g.number, at.g.proc.Exit())
	if why != "" {
		cause = fmt.Sprintf("plugin %s, generation %d, broke the contract: %s", at.g.plugin.name, at.g.number, why)
	}
	return Exit{}, &LostError{Cause: task.Truncate(cause)}
}
