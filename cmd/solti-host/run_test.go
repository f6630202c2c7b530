package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/soltihq/solti-host/host"
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

	asked  []string            // the calls of Create
	refuse map[task.Name]error // by Create
	atOnce bool                // already by one that is dry
}

func newFakeHost(chunks ...task.Chunk) *fakeHost {
	return &fakeHost{chunks: chunks, outcome: task.OutcomeCompleted, canceled: make(chan struct{}), started: func() {}}
}

func (f *fakeHost) Create(_ context.Context, t *task.Task, o host.CreateOptions) (*task.Task, error) {
	f.asked = append(f.asked, fmt.Sprintf("%s dry=%t", t.Metadata.Name, o.DryRun))
	if err := f.refuse[t.Metadata.Name]; err != nil && o.DryRun == f.atOnce {
		return nil, err
	}
	stored := *t
	stored.Metadata.UID = task.NewUID(noon)
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
	t := &task.Task{Metadata: task.Metadata{Name: name, UID: uid, CreationTimestamp: noon}}
	t.Status.Phase = f.outcome.Phase(false)
	t.Status.Outcome = &task.Outcome{Kind: f.outcome, FinishedAt: noon}
	return t, nil
}

func (f *fakeHost) Cancel(context.Context, task.Name, task.UID) error {
	f.outcome = task.OutcomeCanceled
	f.once.Do(func() { close(f.canceled) })
	return nil
}

// made is a task that was submitted.
func made() *task.Task {
	return &task.Task{Metadata: task.Metadata{Name: "made", UID: task.NewUID(noon)}}
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
	got, err := follow(t.Context(), t.Context(), h, made(), &stdout, &stderr)
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
	got, err := follow(ctx, t.Context(), h, made(), &stdout, &stdout)
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
	if _, err := follow(ctx, force, stubborn{h}, made(), &strings.Builder{}, &strings.Builder{}); !errors.Is(err, errInterrupted) {
		t.Errorf("got %v, want %v", err, errInterrupted)
	}
}

// A closedWriter fails like a pipe that nobody reads.
type closedWriter struct{}

func (closedWriter) Write([]byte) (int, error) { return 0, errors.New("broken pipe") }

func TestFollowCancelsTheTaskWhenNobodyReads(t *testing.T) {
	h := newFakeHost(out(1, task.Stdout, "text"))
	h.endless = true
	_, err := follow(t.Context(), t.Context(), h, made(), closedWriter{}, &strings.Builder{})
	if err == nil || err.Error() != "write the task's stdout: broken pipe" {
		t.Errorf("got %v", err)
	}
	select {
	case <-h.canceled:
	default:
		t.Error("the task was not canceled")
	}
}

// sources are tasks of those names, all of one file.
func sources(names ...task.Name) (all []source) {
	for i, n := range names {
		all = append(all, source{file: "f.yaml", document: i + 1, task: &task.Task{Metadata: task.Metadata{Name: n}}})
	}
	return all
}

func TestSeveralTasksWriteLinesBehindTheirNames(t *testing.T) {
	h := newFakeHost(out(1, task.Stdout, "on"), out(1, task.Stderr, "bad\n"), out(1, task.Stdout, "e\nlast"), ended(1, task.Succeeded, ""))
	var stdout, stderr strings.Builder
	a := &app{out: &stdout, errs: &stderr}
	done, err := a.runAll(t.Context(), t.Context(), h, sources("a", "long"))
	if err != nil || len(done) != 2 || done[0].Metadata.Name != "a" || done[1].Metadata.Name != "long" {
		t.Fatalf("got %+v, %v", done, err)
	}
	if want := []string{"a dry=true", "long dry=true", "a dry=false", "long dry=false"}; !slices.Equal(h.asked, want) {
		t.Errorf("asked %q, want %q", h.asked, want)
	}
	compareLines(t, stdout.String(), "a    | one", "a    | last", "long | one", "long | last")
	compareLines(t, stderr.String(), "a    | bad", "long | bad", "a succeeded after 0s", "long succeeded after 0s")
}

// compareLines compares lines in any order.
func compareLines(t *testing.T, text string, want ...string) {
	t.Helper()
	got := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestNothingStartsWhenOneOfSeveralIsWrong(t *testing.T) {
	h := newFakeHost()
	h.atOnce = true
	h.refuse = map[task.Name]error{"b": task.FieldErrors{{Path: "spec.slot", Message: "no"}}, "c": task.FieldErrors{{Message: "neither"}}}
	a := &app{out: &strings.Builder{}, errs: &strings.Builder{}}
	_, err := a.runAll(t.Context(), t.Context(), h, sources("a", "b", "c"))
	if err == nil || err.Error() != "f.yaml: document 2: spec.slot: no\nf.yaml: document 3: neither" || code(err) != exitMisuse {
		t.Errorf("got %v", err)
	}
	if len(h.asked) != 3 {
		t.Errorf("asked %q, want a check of each", h.asked)
	}
}

// What is refused after the check takes along what has been started.
func TestTasksAreCanceledWhenALaterOneIsRefused(t *testing.T) {
	h := newFakeHost()
	h.endless = true
	h.refuse = map[task.Name]error{"b": fmt.Errorf("slot s: %w", task.ErrQueueFull)}
	var stderr strings.Builder
	a := &app{out: &strings.Builder{}, errs: &stderr}
	done, err := a.runAll(t.Context(), t.Context(), h, sources("a", "b", "c"))
	if !errors.Is(err, task.ErrQueueFull) || len(done) != 1 || done[0].Status.Phase != task.Canceled {
		t.Errorf("got %+v, %v", done, err)
	}
	if want := "a canceled after 0s\n"; stderr.String() != want {
		t.Errorf("got %q, want %q", &stderr, want)
	}
}

func TestADocumentHasStandardOutputToItself(t *testing.T) {
	h := newFakeHost(out(1, task.Stdout, "text\n"), ended(1, task.Succeeded, ""))
	var stdout, stderr strings.Builder
	a := &app{out: &stdout, errs: &stderr, format: asJSON}
	done, err := a.runAll(t.Context(), t.Context(), h, sources("a"))
	if err != nil {
		t.Fatal(err)
	}
	if err := a.results(done, false); err != nil {
		t.Fatal(err)
	}
	if stderr.String() != "text\n" || !json.Valid([]byte(stdout.String())) {
		t.Errorf("stdout %q, stderr %q", &stdout, &stderr)
	}
}

// Lines are whole however the bytes arrive, and bounded.
func TestPaneWritesWholeLines(t *testing.T) {
	var b strings.Builder
	s := &screen{out: &b, errs: &b, width: 1}
	out, _ := s.writers("x")
	long := strings.Repeat("y", maxLine+1)
	for _, part := range []string{"a", "b\n\nc", "", "\n", long, "z"} {
		if n, err := out.Write([]byte(part)); n != len(part) || err != nil {
			t.Fatalf("Write: %d, %v", n, err)
		}
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
	if want := "x | ab\nx | \nx | c\nx | " + long[:maxLine] + "\nx | yz\n"; b.String() != want {
		t.Errorf("got %.60q of %d bytes, want %d", b.String(), b.Len(), len(want))
	}
}
