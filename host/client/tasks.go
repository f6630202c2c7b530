package client

import (
	"context"
	"net/http"
	"net/url"
	"strconv"

	"github.com/soltihq/solti-host/host/task"
)

// prefix is the path of all resources.
const prefix = "/apis/" + task.APIVersion

// appliedHeader tells what an apply did.
const appliedHeader = "Solti-Applied"

// CreateOptions change what Create does.
type CreateOptions struct {
	IdempotencyKey string // 1 to 255 printable ASCII bytes; makes repetition harmless for 24 hours
	DryRun         bool   // check, route and build, but store nothing
}

// Create submits a new task and returns it as stored. When it returns without an error the task is
// on disk.
func (c *Client) Create(ctx context.Context, t *task.Task, o CreateOptions) (*task.Task, error) {
	r := request{method: http.MethodPost, path: prefix + "/tasks", key: o.IdempotencyKey}
	if o.DryRun {
		r.query = url.Values{"dryRun": {"true"}}
	}
	stored := new(task.Task)
	return result(stored, c.callWith(ctx, r, t, stored))
}

// Applied says what an apply did: task.AppliedCreated, task.AppliedConfigured or
// task.AppliedUnchanged.
type Applied = task.Applied

// ApplyOptions change what Apply does.
type ApplyOptions struct {
	UID             task.UID // only if the stored task has it; zero means any
	ResourceVersion string   // only if the stored task has it; empty means any
	DryRun          bool     // check, route and build, but store nothing
}

// Apply creates the task t or changes the one of its name, and returns it as stored. Applying what
// is already so changes nothing.
func (c *Client) Apply(ctx context.Context, t *task.Task, o ApplyOptions) (*task.Task, Applied, error) {
	q := guard(o.UID)
	if o.ResourceVersion != "" {
		q.Set("resourceVersion", o.ResourceVersion)
	}
	if o.DryRun {
		q.Set("dryRun", "true")
	}
	var header http.Header
	r := request{method: http.MethodPut, path: taskPath(t.Metadata.Name), query: q, header: &header}
	stored := new(task.Task)
	if err := c.callWith(ctx, r, t, stored); err != nil {
		return nil, "", err
	}
	return stored, Applied(header.Get(appliedHeader)), nil
}

// Get returns the task of that name.
func (c *Client) Get(ctx context.Context, name task.Name) (*task.Task, error) {
	t := new(task.Task)
	return result(t, c.call(ctx, request{method: http.MethodGet, path: taskPath(name)}, t))
}

// List returns one page of tasks, sorted by name.
func (c *Client) List(ctx context.Context, q task.Query) (*task.List, error) {
	v := page(q.Limit, q.Continue)
	if q.Slot != "" {
		v.Set("slot", string(q.Slot))
	}
	for _, p := range q.Phases {
		v.Add("phase", string(p))
	}
	if s := q.Labels.String(); s != "" {
		v.Set("labelSelector", s)
	}
	if q.System {
		v.Set("system", "true")
	}
	l := new(task.List)
	return result(l, c.call(ctx, request{method: http.MethodGet, path: prefix + "/tasks", query: v}, l))
}

// Runs returns one page of the runs of a task, oldest first.
func (c *Client) Runs(ctx context.Context, name task.Name, q task.RunQuery) (*task.RunList, error) {
	v := page(q.Limit, q.Continue)
	if !q.UID.IsZero() {
		v.Set("uid", q.UID.String())
	}
	l := new(task.RunList)
	return result(l, c.call(ctx, request{method: http.MethodGet, path: taskPath(name) + "/runs", query: v}, l))
}

// Cancel asks a task to end. When it returns without an error the intent is on disk. A zero uid
// means whatever task has the name.
func (c *Client) Cancel(ctx context.Context, name task.Name, uid task.UID) error {
	return c.call(ctx, request{method: http.MethodPost, path: taskPath(name) + "/cancel", query: guard(uid)}, nil)
}

// Delete removes a task with its runs and output. Gone says that it is done; otherwise the task is
// being stopped first and goes once it has ended. A zero uid means whatever task has the name.
func (c *Client) Delete(ctx context.Context, name task.Name, uid task.UID) (gone bool, err error) {
	var code int
	r := request{method: http.MethodDelete, path: taskPath(name), query: guard(uid), code: &code}
	if err := c.call(ctx, r, nil); err != nil {
		return false, err
	}
	return code == http.StatusOK, nil
}

// result returns v, or nothing beside an error.
func result[T any](v *T, err error) (*T, error) {
	if err != nil {
		return nil, err
	}
	return v, nil
}

func taskPath(name task.Name) string { return prefix + "/tasks/" + escape(string(name)) }

// escape makes s one segment of a path, whatever it holds.
func escape(s string) string {
	switch s {
	case "", ".", "..": // no name; net/url would leave them as they are
		return "%20"
	}
	return url.PathEscape(s)
}

func guard(uid task.UID) url.Values {
	v := url.Values{}
	if !uid.IsZero() {
		v.Set("uid", uid.String())
	}
	return v
}

func page(limit int, token string) url.Values {
	v := url.Values{}
	if limit != 0 {
		v.Set("limit", strconv.Itoa(limit))
	}
	if token != "" {
		v.Set("continue", token)
	}
	return v
}
