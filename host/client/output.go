package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/soltihq/solti-host/host/task"
)

// Output returns the output of a task from q.From on: its chunks, its gaps, and an end for every
// attempt that has ended. It connects anew after a broken connection and goes on exactly where it
// was, until everything that q asks for was read, an error was yielded, or ctx ends. Only when the
// first request does not get to a host does it give up at once. The iterator yields at most one
// error, last, and may be used once.
func (c *Client) Output(ctx context.Context, name task.Name, q task.OutputQuery) iter.Seq2[task.Chunk, error] {
	return func(yield func(task.Chunk, error) bool) {
		f := &follower{client: c, name: name, query: q, pause: c.pause(), lastID: firstID(q)}
		for {
			more, err := f.stream(ctx, yield)
			if err == nil && !more {
				return
			}
			if ctx.Err() != nil {
				err = context.Cause(ctx)
			} else if passing(err) && (f.seen || there(err)) {
				if err = f.pause.sleep(ctx); err == nil {
					continue
				}
			}
			yield(task.Chunk{}, err)
			return
		}
	}
}

// A follower reads the output of one task over as many connections as it takes.
type follower struct {
	client *Client
	name   task.Name
	query  task.OutputQuery
	pause  pause
	lastID string // of the last event that was yielded
	seen   bool   // a stream was once open
}

// firstID is the event after which a query goes on that its URL cannot express.
func firstID(q task.OutputQuery) string {
	if !q.Rest || q.From.Attempt == 0 {
		return ""
	}
	return fmt.Sprintf("%s/%d/%d.%d", q.UID, q.From.Attempt, q.From.Stdout, q.From.Stderr)
}

// errStopped says that the loop over the output was left.
var errStopped = errors.New("stopped")

// stream yields what one connection brings. It returns whether there is more to read on another
// one, and why this one ended.
func (f *follower) stream(ctx context.Context, yield func(task.Chunk, error) bool) (more bool, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	resp, err := f.client.send(ctx, request{
		method: http.MethodGet, path: taskPath(f.name) + "/output", query: outputValues(f.query),
		accept: "text/event-stream", lastID: f.lastID,
	})
	if err != nil {
		return true, err
	}
	defer resp.Body.Close()
	f.seen = true
	dog := time.AfterFunc(f.client.silence, cancel)
	defer dog.Stop()
	events := newEventReader(resp.Body, func() { dog.Reset(f.client.silence) })
	for {
		e, err := events.next()
		if err != nil {
			return true, broken(err)
		}
		switch done, err := f.take(e, yield); {
		case errors.Is(err, errStopped):
			return false, nil
		case err != nil || done:
			return err != nil, err
		}
	}
}

// take handles one event. Done says that the stream is complete.
func (f *follower) take(e event, yield func(task.Chunk, error) bool) (done bool, err error) {
	switch e.name {
	case "chunk", "gap", "ended":
		c, err := e.chunk()
		if err != nil {
			return false, err
		}
		f.lastID, f.pause = e.id, f.client.pause()
		if !yield(c, nil) {
			return true, errStopped
		}
		return false, nil
	case "done":
		return true, nil
	case "error":
		var s task.APIStatus
		if err := json.Unmarshal(e.data, &s); err != nil {
			return false, broken(err)
		}
		return false, statusError(s.Code, &s)
	default:
		return false, nil // of a later version
	}
}

// broken says that a stream ended before its end.
func broken(err error) error {
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("read the output: %w", err)
}

func outputValues(q task.OutputQuery) (v map[string][]string) {
	g := guard(q.UID)
	if q.Follow {
		g.Set("follow", "true")
	}
	if q.Stream != 0 {
		g.Set("stream", q.Stream.String())
	}
	if q.Rest && q.From.Attempt != 0 {
		return g // the first event id says the rest
	}
	if q.From.Attempt != 0 {
		g.Set("attempt", strconv.Itoa(q.From.Attempt))
	}
	switch {
	case q.Stream == task.Stdout:
		g.Set("offset", strconv.FormatInt(q.From.Stdout, 10))
	case q.Stream == task.Stderr:
		g.Set("offset", strconv.FormatInt(q.From.Stderr, 10))
	case q.From.Stdout != 0 || q.From.Stderr != 0:
		g.Set("offset", fmt.Sprintf("%d.%d", q.From.Stdout, q.From.Stderr))
	}
	return g
}

// chunk returns e as what the output queries of the host give.
func (e event) chunk() (task.Chunk, error) {
	var d task.OutputEvent
	if err := json.Unmarshal(e.data, &d); err != nil {
		return task.Chunk{}, fmt.Errorf("read the output: event %s: %w", e.name, err)
	}
	next, err := parseCursor(e.id)
	if err != nil {
		return task.Chunk{}, err
	}
	c := task.Chunk{Attempt: d.Attempt, Offset: d.Offset, Time: d.Time, Next: next}
	switch e.name {
	case "ended":
		c.Ended = d.Run
		return c, nil
	case "gap":
		c.Gap, c.Why = d.Bytes, d.Reason
	default:
		c.Data = d.Data
	}
	c.Stream = task.Stdout
	if d.Stream == task.Stderr.String() {
		c.Stream = task.Stderr
	}
	return c, nil
}

// parseCursor reads the part after the uid of an event id.
func parseCursor(id string) (c task.Cursor, err error) {
	_, rest, _ := strings.Cut(id, "/")
	if _, err := fmt.Sscanf(rest, "%d/%d.%d", &c.Attempt, &c.Stdout, &c.Stderr); err != nil {
		return c, fmt.Errorf("read the output: event id %q: %w", id, err)
	}
	return c, nil
}
