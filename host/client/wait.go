package client

import (
	"context"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/soltihq/solti-host/host/task"
)

// pollTime is how long one question of Wait may stay open at the host.
const pollTime = "30s"

// Wait returns the task once it is over, which is when it has an outcome. A zero uid means the task
// that has the name at the first answer. Wait goes on through restarts of the host until ctx ends;
// only when the first question does not get to a host does it return at once.
func (c *Client) Wait(ctx context.Context, name task.Name, uid task.UID) (*task.Task, error) {
	p := c.pause()
	for seen := false; ; {
		t, err := c.question(ctx, name, uid, seen)
		switch {
		case err == nil && t.Status.Done():
			return t, nil
		case err == nil:
			uid, seen = t.Metadata.UID, true
			p = c.pause()
			continue
		case !passing(err) || !seen && !there(err):
			return nil, err
		}
		if err := p.sleep(ctx); err != nil {
			return nil, err
		}
	}
}

// question asks for a task: at first as it is, so that its uid is known whatever happens to the host,
// and then for when it is over.
func (c *Client) question(ctx context.Context, name task.Name, uid task.UID, seen bool) (*task.Task, error) {
	q := guard(uid)
	if seen {
		q.Set("waitFor", "outcome")
		q.Set("timeout", pollTime)
	}
	t := new(task.Task)
	return result(t, c.call(ctx, request{method: http.MethodGet, path: taskPath(name), query: q}, t))
}

// A pause is a growing wait between attempts to reach the host.
type pause struct{ next, max time.Duration }

func (c *Client) pause() pause { return pause{c.pauseMin, c.pauseMax} }

// sleep waits for between half the pause and all of it, or until ctx ends.
func (p *pause) sleep(ctx context.Context) error {
	d := p.next/2 + rand.N(p.next/2+1)
	p.next = min(2*p.next, p.max)
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
