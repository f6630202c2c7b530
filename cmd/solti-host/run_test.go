package main

import (
	"context"
	"errors"
	"iter"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/soltihq/solti-host/host/task"
)

// A fakeHost runs one task whose output is chunks. If it is endless, the task runs until it is
// canceled.
type fakeHost struct {
	chunks   []task.Chunk
	endless  bool
	outcome  task.OutcomeKind
	canceled chan struct{}
	once     sync.Once
	started  func() // called when the output is followed
}

func newFakeHost(chunks ...task.Chunk) *fakeHost {
	return &fakeHost{chunks: chunks, outcome: task.OutcomeCompleted, canceled: make(chan struct{}), started: func() {}}
}

func (f *fakeHost) Submit(_ context.Context, t *task.Task) (*task.Task, error) {
	stored := *t
	stored.Metadata.Name, stored.Metadata.UID = "made", task.NewUID(noon)
	return &stored, nil
}

func (f *fakeHost) Output(ctx context.Context, _ task.Name, q task.OutputQuery) iter.Seq2[task.Chunk, error] {
	return func(yield func(task.Chunk, error) bool) {
		if !q.Follow || q.UID.IsZero() || q.From.Attempt != 1 || !q.Rest {
			yield(task.Chunk{}, errors.New("not all of the output was asked for"))
			return
		}
		f.started()
		for _, c := range f.chunks {
			if !yield(c, nil) {
				return
			}
		}
		if !f.endless {
			return
		}
		select {
		case <-f.canceled:
		case <-ctx.Done():
			yield(task.Chunk{}, context.Cause(ctx))
		}
	}
}

func (f *fakeHost) Wait(ctx context.Context, name task.Name, uid task.UID) (*task.Task, error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	t := &task.Task{Metadata: task.Metadata{Name: name, UID: uid}}
	t.Status.Outcome = &task.Outcome{Kind: f.outcome}
	return t, nil
}

func (f *fakeHost) Cancel(context.Context, task.Name, task.UID) error {
	f.outcome = task.OutcomeCanceled
	f.once.Do(func() { close(f.canceled) })
	return nil
}

func out(attempt int, s task.Stream, text string) task.Chunk {
	return task.Chunk{Attempt: attempt, Stream: s, Data: []byte(text)}
}

func ended(attempt int, p task.Phase, message string) task.Chunk {
	r := &task.Run{Attempt: attempt, Phase: p}
	if message != "" {
		r.Error = &task.Failure{Message: message}
	}
	return task.Chunk{Attempt: attempt, Ended: r}
}

func TestFollowCopiesStreamsAndTellsRetries(t *testing.T) {
	h := newFakeHost(
		out(1, task.Stdout, "one\x00\xff"), out(1, task.Stderr, "bad\n"), ended(1, task.Failed, "exit code 3"),
		task.Chunk{Attempt: 2, Stream: task.Stdout, Gap: 7, Why: "the disk was full"},
		out(2, task.Stdout, "two\n"), ended(2, task.Succeeded, ""),
	)
	var stdout, stderr strings.Builder
	got, err := follow(t.Context(), t.Context(), h, new(task.Task), &stdout, &stderr)
	if err != nil || got.Status.Outcome.Kind != task.OutcomeCompleted {
		t.Fatalf("got %+v, %v", got, err)
	}
	if want := "one\x00\xfftwo\n"; stdout.String() != want {
		t.Errorf("stdout %q, want %q", &stdout, want)
	}
	want := "bad\nsolti-host: attempt 1 failed: exit code 3\nsolti-host: 7 bytes of stdout are missing here: the disk was full\n"
	if stderr.String() != want {
		t.Errorf("stderr\n%s\nwant\n%s", &stderr, want)
	}
}

func TestFollowCancelsTheTaskOnASignal(t *testing.T) {
	h := newFakeHost(out(1, task.Stdout, "begin"))
	h.endless = true
	ctx, signal := context.WithCancel(t.Context())
	h.started = signal
	var stdout strings.Builder
	got, err := follow(ctx, t.Context(), h, new(task.Task), &stdout, &stdout)
	if err != nil || got.Status.Outcome.Kind != task.OutcomeCanceled {
		t.Errorf("got %+v, %v, want a canceled task", got, err)
	}
}

// stubborn ignores cancellation.
type stubborn struct{ *fakeHost }

func (stubborn) Cancel(context.Context, task.Name, task.UID) error { return nil }

func TestFollowGivesUpOnASecondSignal(t *testing.T) {
	h := newFakeHost()
	h.endless = true
	ctx, first := context.WithCancel(t.Context())
	force, second := context.WithTimeout(t.Context(), time.Minute)
	h.started = func() { first(); second() }
	if _, err := follow(ctx, force, stubborn{h}, new(task.Task), &strings.Builder{}, &strings.Builder{}); !errors.Is(err, errInterrupted) {
		t.Errorf("got %v, want %v", err, errInterrupted)
	}
}

// A closedWriter fails like a pipe that nobody reads.
type closedWriter struct{}

func (closedWriter) Write([]byte) (int, error) { return 0, errors.New("broken pipe") }

func TestFollowCancelsTheTaskWhenNobodyReads(t *testing.T) {
	h := newFakeHost(out(1, task.Stdout, "text"))
	h.endless = true
	_, err := follow(t.Context(), t.Context(), h, new(task.Task), closedWriter{}, &strings.Builder{})
	if err == nil || err.Error() != "write the task's stdout: broken pipe" {
		t.Errorf("got %v", err)
	}
	select {
	case <-h.canceled:
	default:
		t.Error("the task was not canceled")
	}
}
