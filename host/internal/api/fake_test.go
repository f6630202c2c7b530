package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/soltihq/solti-host/host/task"
)

// A fakeHost is a host in memory, without rules beyond what the API's tests need.
type fakeHost struct {
	mu       sync.Mutex
	tasks    map[task.Name]*task.Task
	changed  map[task.UID]chan struct{}
	keys     map[string]CreateOptions
	outputs  map[task.Name]*fakeOutput
	runs     []task.Run
	refusal  error // what every call is refused with
	noOutput error // what Output is refused with
	problems []string
	stored   int // successful writes
}

func newFakeHost() *fakeHost {
	return &fakeHost{
		tasks: make(map[task.Name]*task.Task), changed: make(map[task.UID]chan struct{}),
		keys: make(map[string]CreateOptions), outputs: make(map[task.Name]*fakeOutput),
	}
}

func (h *fakeHost) refuse(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.refusal = err
}

func (h *fakeHost) refuseOutput(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.noOutput = err
}

func (h *fakeHost) writes() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.stored
}

func (h *fakeHost) Create(_ context.Context, t *task.Task, o CreateOptions) (*task.Task, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.refusal != nil {
		return nil, h.refusal
	}
	if err := t.Validate(); err != nil {
		return nil, err
	}
	c := *t
	if c.Metadata.Name == "" {
		c.Metadata.Name = task.Name(fmt.Sprintf("made-%d", len(h.tasks)+1))
	}
	if prior, used := h.keys[o.Key]; used && o.Key != "" {
		if prior.Digest != o.Digest {
			return nil, task.ErrKeyReused
		}
		return h.tasks[c.Metadata.Name], nil
	}
	if h.tasks[c.Metadata.Name] != nil {
		return nil, fmt.Errorf("task %s: %w", c.Metadata.Name, task.ErrExists)
	}
	c.Metadata.UID, c.Metadata.Generation, c.Metadata.ResourceVersion = task.NewUID(time.Now()), 1, "e.1"
	c.Metadata.CreationTimestamp = time.Now().UTC()
	c.Status = task.Status{ObservedGeneration: 1, Phase: task.Pending}
	if !o.DryRun {
		h.put(&c)
		if o.Key != "" {
			h.keys[o.Key] = o
		}
	}
	return &c, nil
}

// put stores t; h.mu is held.
func (h *fakeHost) put(t *task.Task) {
	h.tasks[t.Metadata.Name] = t
	h.stored++
	if c := h.changed[t.Metadata.UID]; c != nil {
		close(c)
	}
	h.changed[t.Metadata.UID] = make(chan struct{})
	if h.outputs[t.Metadata.Name] == nil {
		h.outputs[t.Metadata.Name] = newFakeOutput()
	}
}

func (h *fakeHost) Apply(ctx context.Context, t *task.Task, o ApplyOptions) (*task.Task, task.Applied, error) {
	h.mu.Lock()
	old := h.tasks[t.Metadata.Name]
	h.mu.Unlock()
	if old == nil {
		if !o.UID.IsZero() || o.ResourceVersion != "" {
			return nil, "", task.ErrNotFound
		}
		created, err := h.Create(ctx, t, CreateOptions{DryRun: o.DryRun})
		return created, task.AppliedCreated, err
	}
	if o.ResourceVersion != "" && o.ResourceVersion != old.Metadata.ResourceVersion {
		return nil, "", task.ErrConflict
	}
	if old.Spec.Equal(&t.Spec) && maps.Equal(old.Metadata.Labels, t.Metadata.Labels) {
		return old, task.AppliedUnchanged, nil
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	c := *old
	c.Spec, c.Metadata.Labels = t.Spec, t.Metadata.Labels
	c.Metadata.Generation++
	if !o.DryRun {
		h.put(&c)
	}
	return &c, task.AppliedConfigured, nil
}

func (h *fakeHost) Get(name task.Name) (*task.Task, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.refusal != nil {
		return nil, h.refusal
	}
	t := h.tasks[name]
	if t == nil {
		return nil, fmt.Errorf("task %s: %w", name, task.ErrNotFound)
	}
	return t, nil
}

func (h *fakeHost) List(q task.Query) (*task.List, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	l := &task.List{APIVersion: task.APIVersion, Kind: "TaskList", Items: []*task.Task{}}
	limit := q.Limit
	if limit == 0 {
		limit = task.DefaultPage
	}
	for _, name := range slices.Sorted(maps.Keys(h.tasks)) {
		t := h.tasks[name]
		if string(name) <= q.Continue || q.Slot != "" && t.Spec.Slot != q.Slot ||
			q.Labels != nil && !q.Labels.Matches(t.Metadata.Labels) ||
			len(q.Phases) > 0 && !slices.Contains(q.Phases, t.Status.Phase) {
			continue
		}
		if len(l.Items) == limit {
			l.Metadata.Continue = string(l.Items[limit-1].Metadata.Name)
			break
		}
		l.Items = append(l.Items, t)
	}
	return l, nil
}

func (h *fakeHost) Runs(name task.Name, q task.RunQuery) (*task.RunList, error) {
	t, err := h.Get(name)
	if err != nil {
		return nil, err
	}
	if !q.UID.IsZero() && q.UID != t.Metadata.UID {
		return nil, task.ErrNotFound
	}
	return &task.RunList{APIVersion: task.APIVersion, Kind: "RunList", UID: t.Metadata.UID, Items: h.runs}, nil
}

func (h *fakeHost) Watch(uid task.UID) (*task.Task, <-chan struct{}, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, t := range h.tasks {
		if t.Metadata.UID == uid {
			return t, h.changed[uid], nil
		}
	}
	return nil, nil, task.ErrNotFound
}

// finish gives the task its outcome.
func (h *fakeHost) finish(name task.Name) {
	h.mu.Lock()
	c := *h.tasks[name]
	c.Status.Phase = task.Succeeded
	c.Status.Outcome = &task.Outcome{Kind: task.OutcomeCompleted, Reason: task.ReasonSucceeded, FinishedAt: time.Now()}
	h.put(&c)
	out := h.outputs[name]
	h.mu.Unlock()
	out.finish()
}

func (h *fakeHost) Cancel(_ context.Context, name task.Name, uid task.UID) error {
	t, err := h.Get(name)
	if err == nil && !uid.IsZero() && uid != t.Metadata.UID {
		err = task.ErrNotFound
	}
	return err
}

func (h *fakeHost) Delete(_ context.Context, name task.Name, uid task.UID) (bool, error) {
	if err := h.Cancel(context.Background(), name, uid); err != nil {
		return false, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if t := h.tasks[name]; t.Status.Phase == task.Running {
		c := *t
		c.Metadata.DeletionTimestamp = time.Now()
		h.put(&c)
		return false, nil
	}
	delete(h.tasks, name)
	h.stored++
	return true, nil
}

func (h *fakeHost) Output(name task.Name, q task.OutputQuery) (OutputReader, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.noOutput != nil {
		return nil, h.noOutput
	}
	return h.outputs[name].open(q), nil
}

func (h *fakeHost) Status() []task.Plugin {
	return []task.Plugin{{Name: "subprocess", State: task.PluginReady, Order: 1}}
}

func (h *fakeHost) Explain(_ context.Context, t *task.Task) (*task.Explanation, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.refusal != nil {
		return nil, h.refusal
	}
	return &task.Explanation{Workload: t.Spec.Workload.Type().String(), Runner: "subprocess"}, nil
}

func (h *fakeHost) Ready() (bool, []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.problems) == 0, h.problems
}

// A fakeOutput is the output of one task.
type fakeOutput struct {
	mu      sync.Mutex
	log     []task.Chunk
	next    task.Cursor
	over    bool
	changed chan struct{}
}

func newFakeOutput() *fakeOutput {
	return &fakeOutput{next: task.Cursor{Attempt: 1}, changed: make(chan struct{})}
}

// add appends a chunk, whose place it fills in.
func (o *fakeOutput) add(c task.Chunk) {
	o.mu.Lock()
	defer o.mu.Unlock()
	c.Attempt, c.Time = o.next.Attempt, time.Unix(1700000000, int64(len(o.log))).UTC()
	n := int64(len(c.Data)) + c.Gap
	switch {
	case c.Ended != nil:
		o.next = task.Cursor{Attempt: c.Attempt + 1}
	case c.Stream == task.Stderr:
		c.Offset = o.next.Stderr
		o.next.Stderr += n
	default:
		c.Offset = o.next.Stdout
		o.next.Stdout += n
	}
	c.Next = o.next
	o.log = append(o.log, c)
	o.tell()
}

func (o *fakeOutput) finish() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.over = true
	o.tell()
}

func (o *fakeOutput) tell() {
	close(o.changed)
	o.changed = make(chan struct{})
}

func (o *fakeOutput) open(q task.OutputQuery) *fakeReader {
	o.mu.Lock()
	defer o.mu.Unlock()
	r := &fakeReader{out: o, q: q, rest: q.Rest}
	if q.From.Attempt == 0 {
		r.rest = q.Follow
		r.q.From.Attempt = 1
		if n := len(o.log); n > 0 {
			r.q.From.Attempt = o.log[n-1].Attempt
		}
	}
	return r
}

type fakeReader struct {
	out  *fakeOutput
	q    task.OutputQuery
	rest bool
	pos  int
	end  bool
}

func (r *fakeReader) Close() {}

func (r *fakeReader) Next(ctx context.Context) (task.Chunk, error) {
	for {
		r.out.mu.Lock()
		for r.pos < len(r.out.log) && !r.end {
			c := r.out.log[r.pos]
			r.pos++
			if c.Ended != nil && c.Attempt == r.q.From.Attempt && !r.rest {
				r.end = true
			}
			if c, ok := r.keep(c); ok {
				r.out.mu.Unlock()
				return c, nil
			}
		}
		changed, over := r.out.changed, r.out.over || !r.q.Follow || r.end
		r.out.mu.Unlock()
		if over {
			return task.Chunk{}, io.EOF
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return task.Chunk{}, context.Cause(ctx)
		}
	}
}

// keep returns the part of c that the query asks for.
func (r *fakeReader) keep(c task.Chunk) (task.Chunk, bool) {
	from := r.q.From
	if c.Attempt < from.Attempt || c.Attempt > from.Attempt && !r.rest {
		return c, false
	}
	if c.Ended != nil {
		return c, true
	}
	if r.q.Stream != 0 && c.Stream != r.q.Stream {
		return c, false
	}
	if c.Attempt > from.Attempt {
		return c, true
	}
	skip := from.Stdout - c.Offset
	if c.Stream == task.Stderr {
		skip = from.Stderr - c.Offset
	}
	switch {
	case skip <= 0:
	case skip >= int64(len(c.Data))+c.Gap:
		return c, false
	case c.Gap > 0:
		c.Offset, c.Gap = c.Offset+skip, c.Gap-skip
	default:
		c.Offset, c.Data = c.Offset+skip, c.Data[skip:]
	}
	return c, true
}

// A countingObserver counts requests.
type countingObserver struct {
	mu       sync.Mutex
	inFlight int
	seen     []Request
}

func (o *countingObserver) Begin(string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.inFlight++
}

func (o *countingObserver) End(r Request) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.inFlight--
	o.seen = append(o.seen, r)
}

// A bundle is a server on a socket and on TCP, with what is behind it.
type bundle struct {
	server   *Server
	host     *fakeHost
	observer *countingObserver
	dir      string
	socket   string
	tcp      string // host:port
	token    string
}

func setup(t *testing.T, change ...func(*Options)) *bundle {
	t.Helper()
	host, observer := newFakeHost(), new(countingObserver)
	o := Options{Observer: observer, Build: task.BuildInfo{Version: "v1.2.3"}}
	for _, f := range change {
		f(&o)
	}
	b := &bundle{host: host, observer: observer, dir: t.TempDir()}
	b.server = New(Backend{Tasks: host, Plugins: host, Health: host}, o)
	t.Cleanup(func() { b.shutdown(t) })
	b.socket = b.dir + "/" + task.SocketFile
	if err := b.server.ServeUnix(b.socket); err != nil {
		t.Fatal(err)
	}
	addr, err := b.server.ServeTCP("127.0.0.1:0", b.dir+"/"+task.EndpointFile)
	if err != nil {
		t.Fatal(err)
	}
	e, err := readEndpoint(b.dir + "/" + task.EndpointFile)
	if err != nil {
		t.Fatal(err)
	}
	b.tcp, b.token = addr.String(), e.Token
	return b
}

func (b *bundle) shutdown(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 5*time.Second)
	defer cancel()
	if err := b.server.Shutdown(ctx); err != nil && !errors.Is(err, context.Canceled) {
		t.Errorf("shutdown: %v", err)
	}
}
