package sdk

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"sync"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	pluginv1 "github.com/soltihq/solti-host/shared/proto/solti/plugin/v1"
	taskv1 "github.com/soltihq/solti-host/shared/proto/solti/task/v1"
)

// handles is the table of built tasks. A handle is built once, by whoever asks first; everybody else
// who asks meanwhile waits for that. A task is closed when its handle has been released and no
// attempt of it is live.
type handles struct {
	build func(context.Context, *pluginv1.BuildTaskRequest) (Task, []*taskv1.FieldViolation, error)
	drop  func(Task) // closes a task that is needed no more; does not wait for that

	mu   sync.Mutex
	byID map[string]*handle // guarded by mu
}

// A handle is a task that has been built, or is being built until ready is closed.
type handle struct {
	id      string
	content [sha256.Size]byte
	ready   chan struct{}

	task     Task                     // set before ready
	warnings []*taskv1.FieldViolation // set before ready
	err      error                    // set before ready; the handle is then not in the table

	running  string // guarded by handles.mu; the live attempt
	released bool   // guarded by handles.mu
}

// obtain returns the handle that req asks for, building it if it is not there.
func (t *handles) obtain(ctx context.Context, req *pluginv1.BuildTaskRequest) (*handle, error) {
	content := contentOf(req)
	for {
		t.mu.Lock()
		h := t.byID[req.HandleId]
		if h == nil {
			h = &handle{id: req.HandleId, content: content, ready: make(chan struct{})}
			t.byID[h.id] = h
			t.mu.Unlock()
			t.fill(ctx, h, req)
			return h, h.err
		}
		t.mu.Unlock()
		if h.content != content {
			return nil, conflict("handle %s is known with other content", h.id)
		}
		select {
		case <-h.ready:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
		if !interrupted(h.err) {
			return h, h.err
		}
	}
}

// fill builds h; it is called once per handle.
func (t *handles) fill(ctx context.Context, h *handle, req *pluginv1.BuildTaskRequest) {
	h.task, h.warnings, h.err = t.build(ctx, req)
	t.mu.Lock()
	defer t.mu.Unlock()
	close(h.ready)
	switch {
	case h.err == nil && h.released:
		t.drop(h.task)
	case h.err != nil && t.byID[h.id] == h:
		delete(t.byID, h.id)
	}
}

// acquire takes the handle that req runs for one attempt, building it if the request says how.
func (t *handles) acquire(ctx context.Context, req *pluginv1.RunTaskRequest) (*handle, error) {
	h, err := t.find(ctx, req)
	if err != nil {
		return nil, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := h.occupy(req.RunId); err != nil {
		return nil, err
	}
	return h, nil
}

// acquireReady takes a handle that is there and free without waiting for anything; nil means that acquire
// has to look into it.
func (t *handles) acquireReady(id, run string) *handle {
	t.mu.Lock()
	defer t.mu.Unlock()
	h := t.byID[id]
	if h == nil || !isClosed(h.ready) || h.occupy(run) != nil {
		return nil
	}
	return h
}

// occupy gives h to one run. It is called with handles.mu held.
func (h *handle) occupy(run string) error {
	switch {
	case h.released:
		return unknownHandle(h.id)
	case h.running != "":
		return &refusal{
			reason: pluginv1.Reason_REASON_CONFLICT, code: codes.FailedPrecondition, retryable: true,
			err: fmt.Errorf("handle %s has a live attempt, run %s", h.id, h.running),
		}
	}
	h.running = run
	return nil
}

func (t *handles) find(ctx context.Context, req *pluginv1.RunTaskRequest) (*handle, error) {
	t.mu.Lock()
	h := t.byID[req.HandleId]
	t.mu.Unlock()
	switch {
	case h == nil && req.Build == nil:
		return nil, unknownHandle(req.HandleId)
	case h == nil:
		return t.obtain(ctx, req.Build)
	}
	select {
	case <-h.ready:
		return h, h.err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// done gives h back after an attempt.
func (t *handles) done(h *handle) {
	t.mu.Lock()
	defer t.mu.Unlock()
	h.running = ""
	if h.released {
		t.drop(h.task)
	}
}

// release frees the handles of these ids as soon as they have no live attempt.
func (t *handles) release(ids []string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, id := range ids {
		h := t.byID[id]
		if h == nil {
			continue
		}
		delete(t.byID, id)
		h.released = true
		if h.running == "" && isClosed(h.ready) {
			t.drop(h.task)
		}
	}
}

func (t *handles) all() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	ids := make([]string, 0, len(t.byID))
	for id := range t.byID {
		ids = append(ids, id)
	}
	return ids
}

// contentOf digests what a runner sees of a request to build.
func contentOf(req *pluginv1.BuildTaskRequest) [sha256.Size]byte {
	seen := &pluginv1.BuildTaskRequest{
		Task:    &taskv1.Task{Spec: req.Task.GetSpec()},
		Context: req.Context,
	}
	if m := req.Task.GetMetadata(); m != nil {
		seen.Task.Metadata = &taskv1.Metadata{
			Name: m.Name, Uid: m.Uid, Generation: m.Generation, Labels: m.Labels, Annotations: m.Annotations,
		}
	}
	data, err := proto.MarshalOptions{Deterministic: true}.Marshal(seen)
	if err != nil { // only strings that are not UTF-8, which cannot have come over the wire
		data = []byte(req.HandleId + err.Error())
	}
	return sha256.Sum256(data)
}

func unknownHandle(id string) error {
	return &refusal{
		reason: pluginv1.Reason_REASON_NOT_FOUND, code: codes.NotFound, err: fmt.Errorf("no handle %s", id),
	}
}

// interrupted tells an error that is about its caller from one that is about the task.
func interrupted(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
