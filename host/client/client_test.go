package client_test

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/soltihq/solti-host/host/client"
	"github.com/soltihq/solti-host/host/internal/api"
	"github.com/soltihq/solti-host/host/task"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A fakeHost has one task, "t", and refuses everything while refusal is set.
type fakeHost struct {
	mu      sync.Mutex
	task    task.Task
	changed chan struct{}
	refusal error
	listed  task.Query
	created api.CreateOptions
	applied api.ApplyOptions
	watched chan struct{} // holds a token once somebody waits
	opened  []task.OutputQuery
	output  []task.Chunk
}

func newFakeHost() *fakeHost {
	return &fakeHost{changed: make(chan struct{}), watched: make(chan struct{}, 1), task: task.Task{
		APIVersion: task.APIVersion, Kind: task.KindTask,
		Metadata: task.Metadata{Name: "t", UID: task.NewUID(time.Now()), ResourceVersion: "e.1"},
		Spec:     task.Spec{Slot: "s", Workload: task.Workload{APIVersion: task.APIVersion, Kind: "Subprocess"}},
		Status:   task.Status{Phase: task.Running, Attempt: 1},
	}}
}

func (h *fakeHost) get() (*task.Task, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	t := h.task
	return &t, h.refusal
}

func (h *fakeHost) refuse(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.refusal = err
}

func (h *fakeHost) finish() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.task.Status.Outcome = &task.Outcome{Kind: task.OutcomeCompleted, Reason: task.ReasonSucceeded}
	close(h.changed)
	h.changed = make(chan struct{})
}

func (h *fakeHost) Create(_ context.Context, _ *task.Task, o api.CreateOptions) (*task.Task, error) {
	h.mu.Lock()
	h.created = o
	h.mu.Unlock()
	return h.get()
}

func (h *fakeHost) Apply(_ context.Context, _ *task.Task, o api.ApplyOptions) (*task.Task, task.Applied, error) {
	h.mu.Lock()
	h.applied = o
	h.mu.Unlock()
	t, err := h.get()
	return t, task.AppliedConfigured, err
}

func (h *fakeHost) Get(name task.Name) (*task.Task, error) {
	if name != h.task.Metadata.Name {
		return nil, task.ErrNotFound
	}
	return h.get()
}

func (h *fakeHost) List(q task.Query) (*task.List, error) {
	h.mu.Lock()
	h.listed = q
	h.mu.Unlock()
	t, err := h.get()
	return &task.List{APIVersion: task.APIVersion, Kind: "TaskList", Items: []*task.Task{t}}, err
}

func (h *fakeHost) Runs(task.Name, task.RunQuery) (*task.RunList, error) {
	t, err := h.get()
	return &task.RunList{UID: t.Metadata.UID, Items: []task.Run{{Attempt: 1, Phase: task.Running}}}, err
}

func (h *fakeHost) Watch(task.UID) (*task.Task, <-chan struct{}, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	t := h.task
	select {
	case h.watched <- struct{}{}:
	default:
	}
	return &t, h.changed, h.refusal
}

func (h *fakeHost) Cancel(context.Context, task.Name, task.UID) error {
	_, err := h.get()
	return err
}

func (h *fakeHost) Delete(context.Context, task.Name, task.UID) (bool, error) {
	_, err := h.get()
	return true, err
}

func (h *fakeHost) Output(_ task.Name, q task.OutputQuery) (api.OutputReader, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.opened = append(h.opened, q)
	return &fakeReader{left: h.output, from: q.From.Stdout}, h.refusal
}

func (h *fakeHost) Status() []task.Plugin {
	return []task.Plugin{{Name: "subprocess", State: task.PluginReady}}
}

func (h *fakeHost) Explain(context.Context, *task.Task) (*task.Explanation, error) {
	return &task.Explanation{Runner: "subprocess"}, nil
}

func (h *fakeHost) Ready() (bool, []string) { return false, []string{"plugin wasm: starting"} }

// A fakeReader reads one attempt's standard output.
type fakeReader struct {
	left []task.Chunk
	from int64
}

func (r *fakeReader) Close() {}

func (r *fakeReader) Next(context.Context) (task.Chunk, error) {
	for len(r.left) > 0 {
		c := r.left[0]
		r.left = r.left[1:]
		if c.Ended != nil {
			return c, nil
		}
		if skip := r.from - c.Offset; skip < int64(len(c.Data))+c.Gap {
			c.Data = c.Data[max(skip, 0):]
			c.Offset = max(c.Offset, r.from)
			return c, nil
		}
	}
	return task.Chunk{}, io.EOF
}

// serve starts a server for h in dir, and returns how to stop it.
func serve(t *testing.T, h *fakeHost, dir string) (stop func()) {
	t.Helper()
	s := api.New(api.Backend{Tasks: h, Plugins: h, Health: h}, api.Options{Build: task.BuildInfo{Version: "v1"}})
	stop = sync.OnceFunc(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := s.Shutdown(ctx); err != nil {
			t.Errorf("shutdown: %v", err)
		}
	})
	t.Cleanup(stop)
	if err := s.ServeUnix(filepath.Join(dir, task.SocketFile)); err != nil {
		t.Fatal(err)
	}
	if _, err := s.ServeTCP("127.0.0.1:0", filepath.Join(dir, task.EndpointFile)); err != nil {
		t.Fatal(err)
	}
	return stop
}

func newClient(t *testing.T, o client.Options) *client.Client {
	t.Helper()
	c, err := client.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func TestEveryCall(t *testing.T) {
	h, dir, ctx := newFakeHost(), t.TempDir(), t.Context()
	serve(t, h, dir)
	c := newClient(t, client.Options{StateDir: dir})
	want := h.task
	if got, err := c.Create(ctx, &want, client.CreateOptions{IdempotencyKey: "k"}); err != nil || got.Metadata.UID != want.Metadata.UID {
		t.Errorf("Create: %+v, %v", got, err)
	}
	if h.created.Key != "k" || h.created.Digest == [32]byte{} || h.created.DryRun {
		t.Errorf("Create asked with %+v", h.created)
	}
	o := client.ApplyOptions{UID: want.Metadata.UID, ResourceVersion: "e.1", DryRun: true}
	if _, applied, err := c.Apply(ctx, &want, o); err != nil || applied != task.AppliedConfigured {
		t.Errorf("Apply: %s, %v", applied, err)
	}
	if h.applied != (api.ApplyOptions{UID: want.Metadata.UID, ResourceVersion: "e.1", DryRun: true}) {
		t.Errorf("Apply asked with %+v", h.applied)
	}
	if got, err := c.Get(ctx, "t"); err != nil || got.Spec.Slot != "s" {
		t.Errorf("Get: %+v, %v", got, err)
	}
	if runs, err := c.Runs(ctx, "t", task.RunQuery{UID: want.Metadata.UID}); err != nil || len(runs.Items) != 1 || runs.UID != want.Metadata.UID {
		t.Errorf("Runs: %+v, %v", runs, err)
	}
	if err := c.Cancel(ctx, "t", want.Metadata.UID); err != nil {
		t.Errorf("Cancel: %v", err)
	}
	if gone, err := c.Delete(ctx, "t", task.UID{}); err != nil || !gone {
		t.Errorf("Delete: %v, %v", gone, err)
	}
	if plugins, err := c.Plugins(ctx); err != nil || len(plugins) != 1 {
		t.Errorf("Plugins: %v, %v", plugins, err)
	}
	if p, err := c.Plugin(ctx, "subprocess"); err != nil || p.State != task.PluginReady {
		t.Errorf("Plugin: %v, %v", p, err)
	}
	if e, err := c.Explain(ctx, &want); err != nil || e.Runner != "subprocess" {
		t.Errorf("Explain: %v, %v", e, err)
	}
	if r, err := c.Ready(ctx); err != nil || r.Ready || len(r.Problems) != 1 {
		t.Errorf("Ready: %+v, %v", r, err)
	}
	if v, err := c.Version(ctx); err != nil || v.Version != "v1" {
		t.Errorf("Version: %+v, %v", v, err)
	}
}

func TestListAsksForWhatTheQuerySays(t *testing.T) {
	h, dir := newFakeHost(), t.TempDir()
	serve(t, h, dir)
	c := newClient(t, client.Options{Socket: filepath.Join(dir, task.SocketFile)})
	q := task.Query{
		Slot: "a.b_c", Phases: []task.Phase{task.Running, task.Failed}, Limit: 7, Continue: "x+/=", System: true,
		Labels: &task.Selector{
			MatchLabels:      map[string]string{"app": "web"},
			MatchExpressions: []task.Requirement{{Key: "tier", Operator: task.In, Values: []string{"a", "b"}}, {Key: "old", Operator: task.DoesNotExist}},
		},
	}
	if _, err := c.List(t.Context(), q); err != nil {
		t.Fatal(err)
	}
	if got, want := h.listed.Labels.String(), q.Labels.String(); got != want {
		t.Errorf("labels %q, want %q", got, want)
	}
	h.listed.Labels, q.Labels = nil, nil
	if h.listed.Slot != q.Slot || len(h.listed.Phases) != 2 || h.listed.Limit != 7 || h.listed.Continue != q.Continue || !h.listed.System {
		t.Errorf("asked %+v, want %+v", h.listed, q)
	}
}

func TestFailuresAnswerToTheConditions(t *testing.T) {
	h, dir := newFakeHost(), t.TempDir()
	serve(t, h, dir)
	c := newClient(t, client.Options{StateDir: dir})
	for _, want := range []error{
		task.ErrNotFound, task.ErrExists, task.ErrConflict, task.ErrNoRunner, task.ErrQueueFull, task.ErrNotReady,
		task.ErrClosed, task.ErrKeyReused, task.ErrExpired, task.ErrUnavailable, task.ErrNoSpace, context.DeadlineExceeded,
	} {
		h.refuse(want)
		_, err := c.Get(t.Context(), "t")
		var s *client.StatusError
		if !errors.Is(err, want) || !errors.As(err, &s) || s.Code < 400 || s.Message == "" {
			t.Errorf("got %v, want one that is %v", err, want)
		}
		if errors.Is(err, io.EOF) {
			t.Errorf("%v is also EOF", err)
		}
	}
	h.refuse(&task.Error{Reason: task.ReasonInvalidSpec, Violations: task.FieldErrors{{Path: "spec.x", Message: "no"}}})
	_, err := c.Get(t.Context(), "t")
	var s *client.StatusError
	if !errors.As(err, &s) || s.Reason != task.ReasonInvalidSpec || len(s.Causes) != 1 || s.Error() != "spec.x: no" {
		t.Errorf("got %v", err)
	}
	h.refuse(task.ErrQueueFull)
	if _, err := c.Get(t.Context(), "t"); !errors.As(err, &s) || s.RetryAfter != time.Second {
		t.Errorf("got %v, want it to be asked again after a second", err)
	}
}

func TestNoHostSaysWhatToDo(t *testing.T) {
	dir := t.TempDir()
	c := newClient(t, client.Options{StateDir: dir})
	for _, call := range []func() error{
		func() error { _, err := c.Get(t.Context(), "t"); return err },
		func() error { _, err := c.Wait(t.Context(), "t", task.UID{}); return err },
		func() error {
			for _, err := range c.Output(t.Context(), "t", task.OutputQuery{Follow: true}) {
				return err
			}
			return nil
		},
	} {
		err := call()
		if !errors.Is(err, client.ErrNoHost) || !strings.Contains(err.Error(), "solti-host serve") || !strings.Contains(err.Error(), dir) {
			t.Errorf("got %v", err)
		}
	}
	for _, o := range []client.Options{{}, {Endpoint: "127.0.0.1:1", Token: "x"}, {Endpoint: "http://127.0.0.1:1"}} {
		if _, err := client.New(o); err == nil {
			t.Errorf("%+v: want an error", o)
		}
	}
}

func TestStateDirFallsBackToTheEndpoint(t *testing.T) {
	h, dir := newFakeHost(), t.TempDir()
	serve(t, h, dir)
	if err := os.Remove(filepath.Join(dir, task.SocketFile)); err != nil {
		t.Fatal(err)
	}
	c := newClient(t, client.Options{StateDir: dir})
	if _, err := c.Get(t.Context(), "t"); err != nil {
		t.Errorf("over the endpoint: %v", err)
	}
}

func TestWaitSurvivesARestart(t *testing.T) {
	h, dir := newFakeHost(), t.TempDir()
	stop := serve(t, h, dir)
	c := newClient(t, client.Options{StateDir: dir})
	type answer struct {
		t   *task.Task
		err error
	}
	answers := make(chan answer, 1)
	go func() {
		got, err := c.Wait(t.Context(), "t", task.UID{})
		answers <- answer{got, err}
	}()
	<-h.watched
	stop()
	serve(t, h, dir)
	h.finish()
	if a := <-answers; a.err != nil || !a.t.Status.Done() {
		t.Errorf("got %+v, %v", a.t, a.err)
	}
}

func TestWaitEndsWithItsContextAndWithTheTask(t *testing.T) {
	h, dir := newFakeHost(), t.TempDir()
	serve(t, h, dir)
	c := newClient(t, client.Options{StateDir: dir})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := c.Wait(ctx, "t", task.UID{}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	if _, err := c.Wait(t.Context(), "nope", task.UID{}); !errors.Is(err, task.ErrNotFound) {
		t.Errorf("got %v", err)
	}
}

// A cutter forwards connections to a socket and cuts each after a number of bytes.
type cutter struct {
	net.Listener
	target string
	after  int64
	cuts   atomic.Int32
	active sync.WaitGroup
}

func (c *cutter) serve() {
	defer c.active.Done()
	for {
		in, err := c.Accept()
		if err != nil {
			return
		}
		c.active.Go(func() { c.forward(in) })
	}
}

func (c *cutter) forward(in net.Conn) {
	defer in.Close()
	out, err := net.Dial("unix", c.target)
	if err != nil {
		return
	}
	defer out.Close()
	c.active.Go(func() {
		defer out.Close()
		_, _ = io.Copy(out, in)
	})
	if n, _ := io.CopyN(in, out, c.after); n == c.after {
		c.cuts.Add(1)
	}
}

// A dropper accepts one connection, and drops it once a request has begun to arrive.
type dropper struct {
	net.Listener
	once sync.Once
}

func (d *dropper) Accept() (net.Conn, error) {
	conn, err := d.Listener.Accept()
	if err != nil {
		return nil, err
	}
	d.once.Do(func() {
		_, _ = conn.Read(make([]byte, 1))
		_ = conn.Close()
		conn, err = d.Listener.Accept()
	})
	return conn, err
}

// A host that dies while it is asked for the first time is there, and comes back.
func TestAFirstConnectionThatBreaksIsNotTheEnd(t *testing.T) {
	for name, call := range map[string]func(c *client.Client) error{
		"wait": func(c *client.Client) error { _, err := c.Wait(t.Context(), "t", task.UID{}); return err },
		"output": func(c *client.Client) error {
			for _, err := range c.Output(t.Context(), "t", task.OutputQuery{Follow: true}) {
				if err != nil {
					return err
				}
			}
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			h, dir := newFakeHost(), t.TempDir()
			serve(t, h, dir)
			h.finish()
			l, err := net.Listen("unix", filepath.Join(dir, "cut"))
			if err != nil {
				t.Fatal(err)
			}
			cut := &cutter{Listener: &dropper{Listener: l}, target: filepath.Join(dir, task.SocketFile), after: 1 << 40}
			cut.active.Add(1)
			go cut.serve()
			t.Cleanup(func() { l.Close(); cut.active.Wait() })
			c := newClient(t, client.Options{Socket: filepath.Join(dir, "cut")})
			t.Cleanup(c.Close)
			if err := call(c); err != nil {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestOutputSurvivesCutConnections(t *testing.T) {
	h, dir := newFakeHost(), t.TempDir()
	serve(t, h, dir)
	var want strings.Builder
	for i := range 40 {
		data := strings.Repeat(string(rune('a'+i%26)), 100)
		h.output = append(h.output, task.Chunk{
			Attempt: 1, Stream: task.Stdout, Offset: int64(want.Len()), Data: []byte(data),
			Next: task.Cursor{Attempt: 1, Stdout: int64(want.Len() + len(data))},
		})
		want.WriteString(data)
	}
	h.output = append(h.output, task.Chunk{Attempt: 1, Ended: &task.Run{Attempt: 1, Phase: task.Succeeded}, Next: task.Cursor{Attempt: 2}})
	l, err := net.Listen("unix", filepath.Join(dir, "cut"))
	if err != nil {
		t.Fatal(err)
	}
	cut := &cutter{Listener: l, target: filepath.Join(dir, task.SocketFile), after: 3000}
	cut.active.Add(1)
	go cut.serve()
	t.Cleanup(func() { l.Close(); cut.active.Wait() })
	c := newClient(t, client.Options{Socket: filepath.Join(dir, "cut")})
	t.Cleanup(c.Close)

	var got strings.Builder
	ended := 0
	for chunk, err := range c.Output(t.Context(), "t", task.OutputQuery{Follow: true, From: task.Cursor{Attempt: 1}}) {
		if err != nil {
			t.Fatal(err)
		}
		if chunk.Ended != nil {
			ended++
			continue
		}
		if chunk.Offset != int64(got.Len()) || chunk.Stream != task.Stdout || chunk.Attempt != 1 {
			t.Fatalf("chunk %+v at %d", chunk, got.Len())
		}
		got.Write(chunk.Data)
	}
	if got.String() != want.String() || ended != 1 {
		t.Errorf("got %d bytes and %d ends, want %d and 1", got.Len(), ended, want.Len())
	}
	if n := cut.cuts.Load(); n < 2 {
		t.Errorf("only %d connections were cut", n)
	}
}

func TestOutputYieldsRefusalsAndCanBeLeft(t *testing.T) {
	h, dir := newFakeHost(), t.TempDir()
	serve(t, h, dir)
	c := newClient(t, client.Options{StateDir: dir})
	n := 0
	for _, err := range c.Output(t.Context(), "nope", task.OutputQuery{}) {
		if n++; !errors.Is(err, task.ErrNotFound) {
			t.Errorf("got %v", err)
		}
	}
	if n != 1 {
		t.Errorf("%d errors, want 1", n)
	}
	h.output = []task.Chunk{
		{Attempt: 1, Stream: task.Stderr, Gap: 3, Why: "lost", Next: task.Cursor{Attempt: 1, Stderr: 3}},
		{Attempt: 1, Stream: task.Stdout, Data: []byte("x"), Next: task.Cursor{Attempt: 1, Stdout: 1, Stderr: 3}},
	}
	for chunk, err := range c.Output(t.Context(), "t", task.OutputQuery{}) {
		if err != nil || chunk.Gap != 3 || chunk.Why != "lost" || chunk.Stream != task.Stderr {
			t.Errorf("got %+v, %v", chunk, err)
		}
		break
	}
}

func TestOutputQueriesArriveWhole(t *testing.T) {
	h, dir := newFakeHost(), t.TempDir()
	serve(t, h, dir)
	c := newClient(t, client.Options{StateDir: dir})
	uid := h.task.Metadata.UID
	for _, q := range []task.OutputQuery{
		{},
		{Follow: true},
		{UID: uid, From: task.Cursor{Attempt: 3}},
		{From: task.Cursor{Attempt: 3, Stdout: 5, Stderr: 7}, Follow: true},
		{From: task.Cursor{Stderr: 7}},
		{From: task.Cursor{Attempt: 2, Stderr: 7}, Stream: task.Stderr},
		{From: task.Cursor{Attempt: 2, Stdout: 9}, Stream: task.Stdout},
		{From: task.Cursor{Attempt: 2, Stdout: 9, Stderr: 1}, Follow: true, Rest: true},
	} {
		h.opened = nil
		for range c.Output(t.Context(), "t", q) {
			t.Error("there is no output")
		}
		q.UID = uid // the server pins it
		if len(h.opened) != 1 || h.opened[0] != q {
			t.Errorf("got %+v, want %+v", h.opened, q)
		}
	}
}
