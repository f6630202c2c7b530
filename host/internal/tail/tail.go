// Package tail reads the output of a task across its attempts: what was written, what is being
// written, and what the attempts to come will write.
//
// The order is fixed: the output of an attempt, then, when its end is on disk, its end; then the
// next attempt. A cursor that a chunk carries leads to exactly what comes after it.
//
// A cursor behind what an attempt has written is refused, since no chunk ever carried it. Only the last
// output of an attempt that was lost with its host may have been read and be lost nevertheless: then the
// reader begins with gaps that name it.
//
// Attempts that retention has forgotten are passed over: nobody knows any more how they ended.
package tail

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/soltihq/solti-host/host/internal/output"
	"github.com/soltihq/solti-host/host/task"
)

// Tasks tells how tasks stand, as far as it is durable.
type Tasks interface {
	Get(name task.Name) (*task.Task, error)
	// Watch returns the task and a channel that is closed when it has changed since.
	Watch(uid task.UID) (*task.Task, <-chan struct{}, error)
	// Run returns the first run of a task from an attempt on that has not been forgotten, or an error
	// wrapping task.ErrNotFound.
	Run(uid task.UID, attempt int) (*task.Run, error)
}

// Outputs holds what attempts wrote.
type Outputs interface {
	Follow(k output.Key, ref []byte, from task.Cursor, f output.Filter) *output.Reader
}

// A Reader reads what one query asks for. It is for one goroutine.
type Reader struct {
	tasks   Tasks
	outputs Outputs
	query   task.OutputQuery
	uid     task.UID
	at      task.Cursor // of what comes next
	one     bool        // end with the attempt at which it began
	reader  *output.Reader
	part    bool         // reader reads what there was of an attempt that had not ended
	drained bool         // the output of this attempt has been read; its end is what comes next
	first   []task.Chunk // what comes before everything else
}

// Open returns a reader. It must be closed. The error wraps task.ErrNotFound if there is no such task
// or no such attempt, and is a *task.OffsetError if the output does not reach that far.
func Open(tasks Tasks, outputs Outputs, name task.Name, q task.OutputQuery) (*Reader, error) {
	t, err := tasks.Get(name)
	if err != nil {
		return nil, err
	}
	uid := t.Metadata.UID
	if !q.UID.IsZero() && q.UID != uid {
		return nil, fmt.Errorf("task %s with uid %s: %w", name, q.UID, task.ErrNotFound)
	}
	r := &Reader{tasks: tasks, outputs: outputs, query: q, uid: uid, at: q.From}
	r.one = q.From.Attempt != 0 && !q.Rest
	if r.at.Attempt == 0 {
		r.at.Attempt = max(t.Status.Attempt, 1)
	} else if r.one && r.at.Attempt > t.Status.Attempt && (!q.Follow || t.Status.Done()) {
		return nil, fmt.Errorf("task %s has no attempt %d: %w", name, r.at.Attempt, task.ErrNotFound)
	}
	if err := r.reach(t.Status.Attempt); err != nil {
		r.Close()
		return nil, err
	}
	return r, nil
}

// reach checks that the output is there up to where the reader is to begin. Last is the last attempt
// that has begun.
func (r *Reader) reach(last int) error {
	switch {
	case r.at.Attempt > last+1 && !r.one:
		return &task.OffsetError{Attempt: r.at.Attempt}
	case r.at.Attempt > last:
		return r.beyond(task.Cursor{})
	case r.at.Stdout == 0 && r.at.Stderr == 0 && !r.one:
		return nil
	}
	from := r.at.Attempt
	run, _, _, err := r.look()
	if err != nil || run == nil || run.Attempt != from || r.at.Stdout == 0 && r.at.Stderr == 0 {
		return err
	}
	r.begin(run)
	end, known := r.reader.End()
	if !known {
		return nil // reading it says why
	}
	end.Stdout, end.Stderr = max(end.Stdout, run.StdoutBytes), max(end.Stderr, run.StderrBytes)
	if run.Phase != task.LostRun {
		return r.beyond(end)
	}
	r.lost(task.Stdout, end.Stdout, r.at.Stdout, run)
	r.lost(task.Stderr, end.Stderr, r.at.Stderr, run)
	return nil
}

// beyond returns an error if the reader is to begin behind end.
func (r *Reader) beyond(end task.Cursor) error {
	switch {
	case r.at.Stdout > end.Stdout:
		return &task.OffsetError{Attempt: r.at.Attempt, Begun: end.Attempt != 0, Stream: task.Stdout, Offset: r.at.Stdout, End: end.Stdout}
	case r.at.Stderr > end.Stderr:
		return &task.OffsetError{Attempt: r.at.Attempt, Begun: end.Attempt != 0, Stream: task.Stderr, Offset: r.at.Stderr, End: end.Stderr}
	}
	return nil
}

// whyLost is the reason of gaps for what was read before a crash and not kept.
const whyLost = "read before, and lost with the host or the plugin that failed"

// lost notes that a stream ends before a place up to which it may have been read.
func (r *Reader) lost(s task.Stream, end, at int64, run *task.Run) {
	if at <= end || r.query.Stream != 0 && r.query.Stream != s {
		return
	}
	r.first = append(r.first, task.Chunk{
		Attempt: run.Attempt, Stream: s, Offset: end, Time: run.FinishedAt, Gap: at - end, Why: whyLost, Next: r.at,
	})
}

// Next returns the next chunk, waiting for it where the query says so. The error is io.EOF at the end,
// the cause of ctx when that ends, and wraps task.ErrNotFound when the task has been deleted.
func (r *Reader) Next(ctx context.Context) (task.Chunk, error) {
	if len(r.first) > 0 {
		c := r.first[0]
		r.first = r.first[1:]
		return c, nil
	}
	for {
		if r.reader != nil { // how the task stands matters only where output begins or ends
			c, err := r.read(ctx)
			if !errors.Is(err, io.EOF) {
				return c, err
			}
		}
		run, over, changed, err := r.look()
		switch {
		case err != nil:
			return task.Chunk{}, err
		case r.part, run == nil && (over || !r.query.Follow):
			return task.Chunk{}, io.EOF
		case run != nil && !r.drained:
			r.begin(run)
			continue
		case run != nil && !run.Active():
			return r.end(run), nil
		}
		if err := wait(ctx, changed); err != nil {
			return task.Chunk{}, err
		}
	}
}

// look returns the run that comes next, or nil if it has not begun; whether the task is over; and what
// to wait for.
func (r *Reader) look() (run *task.Run, over bool, changed <-chan struct{}, err error) {
	if r.one && r.at.Attempt != r.query.From.Attempt {
		return nil, true, nil, nil
	}
	t, changed, err := r.tasks.Watch(r.uid)
	if err != nil {
		return nil, false, nil, err
	}
	over = t.Status.Done()
	if r.at.Attempt > t.Status.Attempt {
		return nil, over, changed, nil
	}
	run, err = r.tasks.Run(r.uid, r.at.Attempt)
	kept := err == nil && run.Attempt == r.at.Attempt
	switch {
	case kept:
	case err != nil && !errors.Is(err, task.ErrNotFound):
	case r.one:
		return nil, over, changed, fmt.Errorf("attempt %d of task %s has been forgotten: %w", r.at.Attempt, t.Metadata.Name, task.ErrNotFound)
	case err != nil: // all that there were
		r.at, r.drained = task.Cursor{Attempt: t.Status.Attempt + 1}, false
		return nil, over, changed, nil
	default:
		r.at, r.drained = task.Cursor{Attempt: run.Attempt}, false
	}
	return run, over, changed, err
}

// begin opens the output of run.
func (r *Reader) begin(run *task.Run) {
	follow := r.query.Follow && run.Active()
	r.part = run.Active() && !follow
	r.reader = r.outputs.Follow(output.Key{UID: r.uid, Attempt: run.Attempt}, run.OutputRef, r.at, output.Filter{
		Stream: r.query.Stream, Follow: follow,
	})
}

// read returns the next piece of the attempt's output, and io.EOF after the last.
func (r *Reader) read(ctx context.Context) (task.Chunk, error) {
	c, err := r.reader.Next(ctx)
	if errors.Is(err, io.EOF) {
		r.closeReader()
		r.drained = true
	}
	if err != nil {
		return c, err
	}
	r.at = c.Next
	return c, nil
}

// end returns the end of run and goes on to the attempt after it.
func (r *Reader) end(run *task.Run) task.Chunk {
	r.drained = false
	r.at = task.Cursor{Attempt: run.Attempt + 1}
	return task.Chunk{Attempt: run.Attempt, Time: run.FinishedAt, Ended: run, Next: r.at}
}

// Close releases what the reader holds.
func (r *Reader) Close() { r.closeReader() }

func (r *Reader) closeReader() {
	if r.reader != nil {
		r.reader.Close()
		r.reader = nil
	}
}

func wait(ctx context.Context, changed <-chan struct{}) error {
	select {
	case <-changed:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
