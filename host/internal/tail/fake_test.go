package tail_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/soltihq/solti-host/host/internal/output"
	"github.com/soltihq/solti-host/host/internal/tail"
	"github.com/soltihq/solti-host/host/task"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is one task, "t", whose attempts the test begins and ends, and its output in memory.
type world struct {
	t       *testing.T
	outputs *output.Store
	uid     task.UID
	writer  *output.Writer // of the attempt that runs

	mu      sync.Mutex
	gone    bool              // guarded by mu
	looks   int               // guarded by mu; how often Watch was called
	attempt int               // guarded by mu; the last
	over    bool              // guarded by mu
	runs    map[int]*task.Run // guarded by mu
	changed chan struct{}     // guarded by mu
}

func setup(t *testing.T) *world {
	t.Helper()
	outputs, err := output.Open("", output.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = outputs.Close() })
	return &world{
		t: t, outputs: outputs, uid: task.NewUID(time.Now()), runs: map[int]*task.Run{},
		changed: make(chan struct{}),
	}
}

// change lets f change the task and tells whoever waits.
func (w *world) change(f func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f()
	close(w.changed)
	w.changed = make(chan struct{})
}

func (w *world) task() *task.Task {
	t := &task.Task{Metadata: task.Metadata{Name: "t", UID: w.uid, CreationTimestamp: time.Now()}, Status: task.Status{Attempt: w.attempt}}
	if w.over {
		t.Status.Outcome = &task.Outcome{Kind: task.OutcomeCompleted}
	}
	return t
}

// Get implements tail.Tasks.
func (w *world) Get(name task.Name) (*task.Task, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if name != "t" || w.gone {
		return nil, fmt.Errorf("task %s: %w", name, task.ErrNotFound)
	}
	return w.task(), nil
}

// Watch implements tail.Tasks.
func (w *world) Watch(uid task.UID) (*task.Task, <-chan struct{}, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.looks++
	if uid != w.uid || w.gone {
		return nil, nil, task.ErrNotFound
	}
	return w.task(), w.changed, nil
}

// Run implements tail.Tasks.
func (w *world) Run(_ task.UID, attempt int) (*task.Run, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for ; attempt <= w.attempt; attempt++ {
		if r := w.runs[attempt]; r != nil {
			c := *r
			return &c, nil
		}
	}
	return nil, task.ErrNotFound
}

// begin starts the next attempt, whose record is durable.
func (w *world) begin() {
	w.t.Helper()
	writer, err := w.outputs.Create(output.Key{UID: w.uid, Attempt: w.attempt + 1}, "r")
	if err != nil {
		w.t.Fatal(err)
	}
	w.writer = writer
	w.change(func() {
		w.attempt++
		w.runs[w.attempt] = &task.Run{Attempt: w.attempt, Phase: task.Running, StartedAt: time.Now()}
	})
}

func (w *world) write(s task.Stream, text string) {
	out, err := w.writer.Offsets()
	if s == task.Stderr {
		out = err
	}
	w.writer.Write(s, out, []byte(text), time.Now())
}

// commit makes the end of the attempt durable, whose output was closed before.
func (w *world) commit(sum output.Summary, over bool) {
	w.change(func() {
		r := w.runs[w.attempt]
		r.Phase, r.FinishedAt, r.OutputRef = task.Succeeded, time.Now(), sum.Ref
		w.over = over
	})
}

func (w *world) end(over bool) { w.commit(w.writer.Close(), over) }

// attempts makes whole attempts that write a line each.
func (w *world) attempts(n int) {
	w.t.Helper()
	for i := range n {
		w.begin()
		w.write(task.Stdout, fmt.Sprintf("out %d\n", w.attempt))
		w.write(task.Stderr, fmt.Sprintf("err %d\n", w.attempt))
		w.end(i == n-1)
	}
}

func (w *world) open(q task.OutputQuery) *tail.Reader {
	w.t.Helper()
	r, err := tail.Open(w, w.outputs, "t", q)
	if err != nil {
		w.t.Fatalf("open with %+v: %v", q, err)
	}
	w.t.Cleanup(r.Close)
	return r
}

// show is a chunk as the tests compare it.
func show(c task.Chunk) string {
	switch {
	case c.Ended != nil:
		return fmt.Sprintf("%d ended %s", c.Attempt, c.Ended.Phase)
	case c.Gap > 0:
		return fmt.Sprintf("%d %s gap %d at %d", c.Attempt, c.Stream, c.Gap, c.Offset)
	default:
		return fmt.Sprintf("%d %s %q at %d", c.Attempt, c.Stream, c.Data, c.Offset)
	}
}

// all reads to the end. The last element says how it ended if that was not with io.EOF.
func all(ctx context.Context, r *tail.Reader) (chunks []string, cursors []task.Cursor) {
	for {
		c, err := r.Next(ctx)
		switch {
		case errors.Is(err, io.EOF):
			return chunks, cursors
		case err != nil:
			return append(chunks, err.Error()), cursors
		}
		chunks, cursors = append(chunks, show(c)), append(cursors, c.Next)
	}
}
