package runner

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/soltihq/solti-host/plugins/wasm/internal/proctest"
	"github.com/soltihq/solti-host/plugins/wasm/internal/workload"
	"github.com/soltihq/solti-host/sdk"
	pluginv1 "github.com/soltihq/solti-host/shared/proto/solti/plugin/v1"
	taskv1 "github.com/soltihq/solti-host/shared/proto/solti/task/v1"
)

// object is JSON in the making.
type object = map[string]any

// A subject is a runner behind the SDK's service, as in a plugin, but in this process.
type subject struct {
	runner  *Runner
	service *sdk.Service
	state   string
	last    atomic.Uint64
}

// newSubject makes a runner with settings, which may be nil. At the end of the test nothing of it may be left.
func newSubject(t testing.TB, settings object) *subject {
	t.Helper()
	return newSubjectIn(t, t.TempDir(), settings)
}

func newSubjectIn(t testing.TB, state string, settings object) *subject {
	t.Helper()
	s := &subject{runner: New("v1.2.3", hclog.NewNullLogger()), state: state}
	if proctest.Raced { // children need gigabytes of data for the race detector
		compile, _ := settings["compile"].(object)
		settings = with(settings, object{"compile": with(compile, object{"memory": "1024GiB"})})
	}
	if settings != nil {
		if err := s.runner.Configure(t.Context(), encode(t, settings)); err != nil {
			t.Fatal(err)
		}
	}
	s.service = sdk.NewService(s.runner, sdk.ServiceOptions{})
	t.Cleanup(func() { s.close(t) })
	return s
}

// close ends the runner as a plugin does. Doing it twice is doing it once.
func (s *subject) close(t testing.TB) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), proctest.Patience)
	defer cancel()
	if err := errors.Join(s.service.Close(ctx), s.runner.Close()); err != nil {
		t.Error(err)
	}
}

func with(a, b object) object {
	all := maps.Clone(a)
	if all == nil {
		all = object{}
	}
	maps.Copy(all, b)
	return all
}

func encode(t testing.TB, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// inline is a spec that has its module inside.
func inline(wasm []byte, more ...object) object {
	spec := object{"module": object{"inline": base64.StdEncoding.EncodeToString(wasm)}}
	for _, m := range more {
		maps.Copy(spec, m)
	}
	return spec
}

// taskOf makes a task, all of the same uid and generation: nothing may depend on these.
func taskOf(spec []byte) *taskv1.Task {
	return &taskv1.Task{
		Metadata: &taskv1.Metadata{Name: "guest", Uid: "u", Generation: 1},
		Spec: &taskv1.Spec{Slot: "s", Workload: &taskv1.Workload{
			ApiVersion: workload.APIVersion, Kind: workload.Kind, SpecJson: spec,
		}},
	}
}

func (s *subject) id(what string) string { return what + strconv.FormatUint(s.last.Add(1), 10) }

// A handle is a task that was built.
type handle struct {
	*subject
	id string
}

func (s *subject) tryBuild(t testing.TB, spec object, env map[string]string) (handle, error) {
	t.Helper()
	h := handle{s, s.id("handle")}
	_, err := s.service.BuildTask(t.Context(), &pluginv1.BuildTaskRequest{
		HandleId: h.id, Task: taskOf(encode(t, spec)), Context: &pluginv1.BuildContext{StateDir: s.state, Env: env},
	})
	return h, err
}

func (s *subject) build(t testing.TB, spec object) handle {
	t.Helper()
	h, err := s.tryBuild(t, spec, nil)
	if err != nil {
		t.Fatalf("build: %v", err)
	}
	return h
}

func (h handle) release(t testing.TB) {
	t.Helper()
	if _, err := h.service.ReleaseTask(t.Context(), &pluginv1.ReleaseTaskRequest{HandleIds: []string{h.id}}); err != nil {
		t.Error(err)
	}
}

// run makes one attempt and waits for its end.
func (h handle) run(t testing.TB) *record { return h.start(t, nil).finish(t) }

// run builds a task and makes one attempt of it.
func (s *subject) run(t testing.TB, spec object) *record { return s.build(t, spec).run(t) }

// A record is an attempt and what came of it. It serves as the stream to the host.
type record struct {
	grpc.ServerStream
	ctx     context.Context
	id      string
	subject *subject
	done    chan struct{}
	err     error // of the call; set before done is closed

	mu      sync.Mutex
	stdout  bytes.Buffer      // guarded by mu
	stderr  bytes.Buffer      // guarded by mu
	started string            // guarded by mu
	facts   map[string]string // guarded by mu
	events  []*pluginv1.Event // guarded by mu
	stats   *pluginv1.Stats   // guarded by mu
	exited  *pluginv1.Exited  // guarded by mu
	ends    int               // guarded by mu; how many there were
	gaps    []*pluginv1.Gap   // guarded by mu
	slow    chan struct{}     // if set, nothing is read until it is closed
}

func (r *record) Context() context.Context { return r.ctx }

// Send takes frames.
func (r *record) Send(m *pluginv1.RunTaskResponse) error {
	if r.slow != nil {
		select {
		case <-r.slow:
		case <-r.ctx.Done():
			return r.ctx.Err()
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, f := range m.Frames {
		switch body := f.Body.(type) {
		case *pluginv1.Frame_Output:
			if body.Output.Stream == pluginv1.Stream_STREAM_STDERR {
				r.stderr.Write(body.Output.Data)
			} else {
				r.stdout.Write(body.Output.Data)
			}
		case *pluginv1.Frame_Started:
			r.started, r.facts = body.Started.ExternalId, body.Started.Facts
		case *pluginv1.Frame_Gap:
			r.gaps = append(r.gaps, body.Gap)
		case *pluginv1.Frame_Event:
			r.events = append(r.events, body.Event)
		case *pluginv1.Frame_Stats:
			r.stats = body.Stats
		case *pluginv1.Frame_Exited:
			r.exited = body.Exited
			r.ends++
		}
	}
	return nil
}

// start makes an attempt. Change, if it is not nil, may change what is asked for.
func (h handle) start(t testing.TB, change func(*record, *pluginv1.RunTaskRequest)) *record {
	t.Helper()
	r := &record{ctx: t.Context(), id: h.subject.id("run"), subject: h.subject, done: make(chan struct{})}
	req := &pluginv1.RunTaskRequest{RunId: r.id, HandleId: h.id, Attempt: 1}
	if change != nil {
		change(r, req)
	}
	go func() {
		defer close(r.done)
		r.err = h.service.RunTask(req, r)
	}()
	return r
}

// finish waits for the end.
func (r *record) finish(t testing.TB) *record {
	t.Helper()
	select {
	case <-r.done:
	case <-time.After(proctest.Patience):
		t.Fatalf("run %s does not end; so far: %s", r.id, r.describe())
	}
	if r.err != nil {
		t.Fatalf("run %s: %v", r.id, r.err)
	}
	return r
}

// stop asks the attempt to end.
func (r *record) stop(t testing.TB, reason pluginv1.StopReason) {
	t.Helper()
	_, err := r.subject.service.StopTask(t.Context(), &pluginv1.StopTaskRequest{
		RunId: r.id, Reason: reason, Grace: durationpb.New(proctest.Patience),
	})
	if err != nil {
		t.Error(err)
	}
}

func (r *record) describe() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return fmt.Sprintf("started %q, exited %v, stdout %.200q, stderr %.200q", r.started, r.exited, &r.stdout, &r.stderr)
}

// output returns what has come on stdout so far.
func (r *record) output() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.stdout.String()
}

// missing returns how many bytes of stdout are missing.
func (r *record) missing() (n int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, g := range r.gaps {
		if g.Stream == pluginv1.Stream_STREAM_STDOUT && g.Reason != "" {
			n += int64(g.Bytes)
		}
	}
	return n
}

// until waits for text on stdout.
func (r *record) until(t testing.TB, text string) {
	t.Helper()
	proctest.Until(t, fmt.Sprintf("%q on stdout", text), func() bool {
		select {
		case <-r.done:
			t.Fatalf("the run ended before it wrote %q: %s", text, r.describe())
		default:
		}
		return strings.Contains(r.output(), text)
	})
}

// pid returns the number of the worker in which the guest ran.
func (r *record) pid(t testing.TB) int {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	var pid int
	if _, err := fmt.Sscanf(r.started, "pid %d,", &pid); err != nil {
		t.Fatalf("started as %q: %v", r.started, err)
	}
	return pid
}

// event returns the event of that name, or nil.
func (r *record) event(name string) *pluginv1.Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range r.events {
		if e.Name == name {
			return e
		}
	}
	return nil
}

// want checks how the attempt ended.
func (r *record) want(t testing.TB, result pluginv1.Result, permanent bool, texts ...string) {
	t.Helper()
	x := r.exited
	if x == nil {
		t.Fatalf("no end: %s", r.describe())
	}
	if x.Result != result || x.Permanent != permanent {
		t.Errorf("ended with %v, permanent %t: %s; want %v, %t", x.Result, x.Permanent, x.Message, result, permanent)
	}
	for _, text := range texts {
		if !strings.Contains(x.Message, text) {
			t.Errorf("the message is %q, want %q in it", x.Message, text)
		}
	}
}

// succeeded checks that the attempt ended well, with this output.
func (r *record) succeeded(t testing.TB, stdout string) {
	t.Helper()
	r.want(t, pluginv1.Result_RESULT_SUCCEEDED, false)
	if got := r.output(); got != stdout {
		t.Errorf("stdout is %.200q, want %.200q", got, stdout)
	}
}
