package sdktest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"

	"github.com/soltihq/solti-host/sdk"
	pluginv1 "github.com/soltihq/solti-host/shared/proto/solti/plugin/v1"
)

// A record is what an attempt's stream has told, checked against the contract frame by frame.
type record struct {
	started  *pluginv1.Started
	exited   *pluginv1.Exited
	stdout   bytes.Buffer
	stderr   bytes.Buffer
	seq      uint64
	beats    int
	problems []string // breaches of the contract
	err      error    // how the stream ended; nil is a proper end
}

func (r *record) problem(format string, args ...any) {
	if len(r.problems) < 10 {
		r.problems = append(r.problems, fmt.Sprintf(format, args...))
	}
}

func (r *record) message(m *pluginv1.RunTaskResponse) {
	if len(m.Frames) == 0 {
		r.problem("a message without frames")
	}
	for _, f := range m.Frames {
		r.frame(f)
	}
}

func (r *record) frame(f *pluginv1.Frame) {
	r.seq++
	if f.Seq != r.seq {
		r.problem("frame %d has sequence number %d", r.seq, f.Seq)
		r.seq = f.Seq
	}
	if r.exited != nil {
		r.problem("frame %d comes after Exited: %T", f.Seq, f.Body)
	}
	switch b := f.Body.(type) {
	case *pluginv1.Frame_Started:
		if r.started != nil {
			r.problem("frame %d is a second Started", f.Seq)
		}
		r.started = b.Started
		r.facts(f.Seq, b.Started.Facts)
	case *pluginv1.Frame_Output:
		r.output(f.Seq, b.Output)
	case *pluginv1.Frame_Exited:
		r.end(f.Seq, b.Exited)
	case *pluginv1.Frame_Gap:
		r.problem("frame %d is a gap of %d bytes although the reader kept up", f.Seq, b.Gap.Bytes)
	case *pluginv1.Frame_Heartbeat:
		r.beats++
	}
}

func (r *record) facts(seq uint64, facts map[string]string) {
	const most, longest, all = 32, 64, 16 << 10
	size := 0
	for name, value := range facts {
		if len(name) < 1 || len(name) > longest {
			r.problem("frame %d has a fact whose name has %d bytes, want 1 to %d", seq, len(name), longest)
		}
		size += len(name) + len(value)
	}
	if len(facts) > most || size > all {
		r.problem("frame %d has %d facts of %d bytes, want at most %d and %d", seq, len(facts), size, most, all)
	}
}

func (r *record) output(seq uint64, o *pluginv1.Output) {
	buf := &r.stdout
	switch o.Stream {
	case pluginv1.Stream_STREAM_STDOUT:
	case pluginv1.Stream_STREAM_STDERR:
		buf = &r.stderr
	default:
		r.problem("frame %d is output of stream %v", seq, o.Stream)
		return
	}
	if r.started == nil {
		r.problem("frame %d is output before Started", seq)
	}
	if n := len(o.Data); n < 1 || n > sdk.MaxChunk {
		r.problem("frame %d has %d bytes of output, want 1 to %d", seq, n, sdk.MaxChunk)
	}
	if o.Offset != uint64(buf.Len()) {
		r.problem("frame %d is output from offset %d, want %d", seq, o.Offset, buf.Len())
	}
	buf.Write(o.Data)
}

func (r *record) end(seq uint64, x *pluginv1.Exited) {
	r.exited = x
	if x.Result == pluginv1.Result_RESULT_UNSPECIFIED {
		r.problem("frame %d is Exited without a result", seq)
	}
	if r.started == nil && x.Result != pluginv1.Result_RESULT_START_FAILED && x.Result != pluginv1.Result_RESULT_CANCELED {
		r.problem("frame %d is Exited with %v although nothing has started", seq, x.Result)
	}
	if x.StdoutBytes != uint64(r.stdout.Len()) || x.StderrBytes != uint64(r.stderr.Len()) {
		r.problem("frame %d is Exited after %d and %d bytes of output, but %d and %d came", seq,
			x.StdoutBytes, x.StderrBytes, r.stdout.Len(), r.stderr.Len())
	}
}

// An attempt is a run that is being recorded.
type attempt struct {
	id      string
	began   chan struct{} // closed at Started, or at the end
	spoke   chan struct{} // closed at the first output, or at the end
	done    chan struct{} // closed when the record is complete
	cancel  context.CancelFunc
	timeout time.Duration
	record  record // read only after done
}

// attempt starts a run and records it. pace is called between messages, from the one with Started on: what
// comes before is small, and those who stall want the run to have begun. nil does nothing.
func (p *process) attempt(t testing.TB, req *pluginv1.RunTaskRequest, pace func()) *attempt {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	a := &attempt{
		id: req.RunId, began: make(chan struct{}), spoke: make(chan struct{}), done: make(chan struct{}), cancel: cancel, timeout: p.timeout,
	}
	stream, err := p.client.RunTask(ctx, req)
	if err != nil {
		cancel()
		t.Fatalf("RunTask: %v", err)
	}
	go a.read(stream, pace)
	t.Cleanup(func() {
		cancel()
		<-a.done
	})
	return a
}

func (a *attempt) read(stream grpc.ServerStreamingClient[pluginv1.RunTaskResponse], pace func()) {
	defer close(a.done)
	began := sync.OnceFunc(func() { close(a.began) })
	spoke := sync.OnceFunc(func() { close(a.spoke) })
	defer spoke()
	defer began()
	for {
		m, err := stream.Recv()
		if err == nil {
			a.record.message(m)
		}
		if a.record.started != nil {
			began()
		}
		if a.record.stdout.Len()+a.record.stderr.Len() > 0 {
			spoke()
		}
		switch {
		case errors.Is(err, io.EOF):
			return
		case err != nil:
			a.record.err = err
			return
		case pace != nil && a.record.started != nil:
			pace()
		}
	}
}

// waitBegan waits for the Started frame, or the end of the stream.
func (a *attempt) waitBegan(t testing.TB) {
	t.Helper()
	a.wait(t, a.began, "no Started")
}

func (a *attempt) wait(t testing.TB, what <-chan struct{}, missing string) {
	t.Helper()
	select {
	case <-what:
	case <-time.After(a.timeout):
		t.Fatalf("run %s: %s within %v", a.id, missing, a.timeout)
	}
}

// waitStarted waits for the Started frame of a run that goes on.
func (a *attempt) waitStarted(t testing.TB) {
	t.Helper()
	a.waitBegan(t)
	a.wantLive(t)
}

func (a *attempt) wantLive(t testing.TB) {
	t.Helper()
	select {
	case <-a.done:
		t.Fatalf("run %s is over before it could be stopped: %v, %v", a.id, a.record.exited, a.record.err)
	default:
	}
}

// finish waits for the end and fails the test if the stream did not keep the contract.
func (a *attempt) finish(t testing.TB) *record {
	t.Helper()
	a.wait(t, a.done, "no end")
	r := &a.record
	if r.err != nil {
		t.Fatalf("run %s: the stream broke: %v", a.id, r.err)
	}
	for _, problem := range r.problems {
		t.Errorf("run %s: %s", a.id, problem)
	}
	if r.exited == nil {
		t.Fatalf("run %s: the stream ended without Exited", a.id)
	}
	return r
}

// fail waits for the end and returns the RPC's error.
func (a *attempt) fail(t testing.TB) error {
	t.Helper()
	a.wait(t, a.done, "no end")
	if a.record.err == nil {
		t.Fatalf("run %s ended with %v, want an error", a.id, a.record.exited)
	}
	return a.record.err
}
