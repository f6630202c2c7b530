package tail_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/soltihq/solti-host/host/internal/tail"
	"github.com/soltihq/solti-host/host/task"
)

func TestWhatAQueryReads(t *testing.T) {
	w := setup(t)
	w.attempts(3)
	const out1, err1, end1 = `1 stdout "out 1\n" at 0`, `1 stderr "err 1\n" at 0`, "1 ended succeeded"
	const out2, err2, end2 = `2 stdout "out 2\n" at 0`, `2 stderr "err 2\n" at 0`, "2 ended succeeded"
	const out3, err3, end3 = `3 stdout "out 3\n" at 0`, `3 stderr "err 3\n" at 0`, "3 ended succeeded"
	for _, c := range []struct {
		q    task.OutputQuery
		want []string
	}{
		{task.OutputQuery{}, []string{out3, err3, end3}},
		{task.OutputQuery{Follow: true}, []string{out3, err3, end3}},
		{task.OutputQuery{From: task.Cursor{Attempt: 1}}, []string{out1, err1, end1}},
		{task.OutputQuery{From: task.Cursor{Attempt: 1}, Follow: true}, []string{out1, err1, end1}},
		{task.OutputQuery{From: task.Cursor{Attempt: 1}, Rest: true}, []string{out1, err1, end1, out2, err2, end2, out3, err3, end3}},
		{task.OutputQuery{From: task.Cursor{Attempt: 2, Stdout: 6, Stderr: 2}}, []string{`2 stderr "r 2\n" at 2`, end2}},
		{task.OutputQuery{From: task.Cursor{Attempt: 2, Stdout: 6, Stderr: 6}}, []string{end2}},
		{task.OutputQuery{From: task.Cursor{Attempt: 2}, Stream: task.Stderr}, []string{err2, end2}},
		{task.OutputQuery{From: task.Cursor{Attempt: 4}, Rest: true}, nil},
	} {
		if got, _ := all(t.Context(), w.open(c.q)); !slices.Equal(got, c.want) {
			t.Errorf("%+v read %q\nwant %q", c.q, got, c.want)
		}
	}
}

func TestEveryCursorLeadsToWhatComesAfterIt(t *testing.T) {
	w := setup(t)
	w.attempts(3)
	q := task.OutputQuery{From: task.Cursor{Attempt: 1}, Rest: true}
	whole, cursors := all(t.Context(), w.open(q))
	if len(whole) != 9 {
		t.Fatalf("read %q", whole)
	}
	for i, from := range cursors {
		q.From = from
		if got, _ := all(t.Context(), w.open(q)); !slices.Equal(got, whole[i+1:]) {
			t.Errorf("after %q, at %+v: read %q, want %q", whole[i], from, got, whole[i+1:])
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	w := setup(t)
	w.attempts(1)
	for _, c := range []struct {
		name task.Name
		q    task.OutputQuery
	}{
		{"other", task.OutputQuery{}},
		{"t", task.OutputQuery{UID: task.NewUID(time.Now())}},
		{"t", task.OutputQuery{From: task.Cursor{Attempt: 2}}},
		{"t", task.OutputQuery{From: task.Cursor{Attempt: 2}, Follow: true}}, // the task is over
	} {
		if _, err := tail.Open(w, w.outputs, c.name, c.q); !errors.Is(err, task.ErrNotFound) {
			t.Errorf("%s with %+v: %v, want ErrNotFound", c.name, c.q, err)
		}
	}
	w.open(task.OutputQuery{UID: w.uid})
}

// A place that no chunk ever carried is refused, whether the attempt still runs or not.
func TestOpenRefusesPlacesThatWereNeverReached(t *testing.T) {
	w := setup(t)
	w.attempts(1)
	w.change(func() { w.over = false })
	w.begin()
	w.write(task.Stdout, "half a li")
	for _, c := range []struct {
		from task.Cursor
		rest bool
		want string
	}{
		{task.Cursor{Attempt: 1, Stdout: 6, Stderr: 6}, true, ""},
		{task.Cursor{Attempt: 1, Stdout: 7}, true, "stdout of attempt 1 ends at 6, which is before 7"},
		{task.Cursor{Attempt: 1, Stderr: 1 << 60}, false, "stderr of attempt 1 ends at 6, which is before 1152921504606846976"},
		{task.Cursor{Attempt: 2, Stdout: 9}, true, ""},
		{task.Cursor{Attempt: 2, Stdout: 10}, true, "stdout of attempt 2 ends at 9, which is before 10"},
		{task.Cursor{Stdout: 10}, false, "stdout of attempt 2 ends at 9, which is before 10"},
		{task.Cursor{Attempt: 2, Stderr: 1}, false, "stderr of attempt 2 ends at 0, which is before 1"},
		{task.Cursor{Attempt: 3}, true, ""},
		{task.Cursor{Attempt: 3}, false, ""}, // it may still begin
		{task.Cursor{Attempt: 3, Stdout: 1}, false, "attempt 3 has not begun"},
		{task.Cursor{Attempt: 4}, true, "attempt 4 has not begun"},
	} {
		for _, only := range []task.Stream{0, task.Stdout} {
			r, err := tail.Open(w, w.outputs, "t", task.OutputQuery{From: c.from, Rest: c.rest, Follow: true, Stream: only})
			if err == nil {
				r.Close()
			}
			var beyond *task.OffsetError
			if errors.As(err, &beyond) != (c.want != "") || c.want != "" && err.Error() != c.want {
				t.Errorf("%+v: %v, want %q", c.from, err, c.want)
			}
		}
	}
	w.end(true)
}

// What was read and then lost with the host is told by a gap that ends where the reader is.
func TestWhatWasReadAndLostIsAGap(t *testing.T) {
	w := setup(t)
	w.begin()
	w.write(task.Stdout, "kept\n")
	sum := w.writer.Close()
	w.commit(sum, true)
	w.change(func() { w.runs[1].Phase = task.LostRun })
	const end = "1 ended lost"
	for _, c := range []struct {
		q    task.OutputQuery
		want []string
	}{
		{task.OutputQuery{From: task.Cursor{Attempt: 1, Stdout: 5}}, []string{end}},
		{task.OutputQuery{From: task.Cursor{Attempt: 1, Stdout: 9}}, []string{"1 stdout gap 4 at 5", end}},
		{task.OutputQuery{From: task.Cursor{Attempt: 1, Stdout: 4, Stderr: 3}}, []string{"1 stderr gap 3 at 0", `1 stdout "\n" at 4`, end}},
		{task.OutputQuery{From: task.Cursor{Attempt: 1, Stdout: 9, Stderr: 3}, Stream: task.Stderr}, []string{"1 stderr gap 3 at 0", end}},
	} {
		c.q.Follow = true
		got, cursors := all(t.Context(), w.open(c.q))
		if !slices.Equal(got, c.want) {
			t.Errorf("%+v read %q, want %q", c.q, got, c.want)
		} else if len(got) > 1 && cursors[0] != c.q.From {
			t.Errorf("%+v: the gap leads to %+v", c.q, cursors[0])
		}
	}
}

// A follower reads in its own goroutine, what it read comes on a channel.
type follower struct {
	t    *testing.T
	read chan string
}

func (w *world) follow(ctx context.Context, q task.OutputQuery) *follower {
	w.t.Helper()
	r, f := w.open(q), &follower{t: w.t, read: make(chan string, 64)}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer close(f.read)
		for {
			c, err := r.Next(ctx)
			if err != nil {
				f.read <- err.Error()
				return
			}
			f.read <- show(c)
		}
	}()
	w.t.Cleanup(func() { <-done })
	return f
}

func (f *follower) want(want ...string) {
	f.t.Helper()
	for _, one := range want {
		select {
		case got := <-f.read:
			if got != one {
				f.t.Errorf("read %s, want %s", got, one)
			}
		case <-time.After(10 * time.Second):
			f.t.Fatalf("nothing was read, want %s", one)
		}
	}
}

func TestFollowGoesThroughAttemptsAndEndsWithTheTask(t *testing.T) {
	w := setup(t)
	f := w.follow(t.Context(), task.OutputQuery{Follow: true}) // before there is any attempt
	w.begin()
	w.write(task.Stdout, "a")
	f.want(`1 stdout "a" at 0`)
	w.write(task.Stdout, "b")
	f.want(`1 stdout "b" at 1`)
	w.end(false)
	f.want("1 ended succeeded")
	w.begin()
	w.write(task.Stderr, "c")
	f.want(`2 stderr "c" at 0`)
	w.end(true)
	f.want("2 ended succeeded", "EOF")
}

func TestFollowOfOneAttemptEndsWithIt(t *testing.T) {
	w := setup(t)
	f := w.follow(t.Context(), task.OutputQuery{From: task.Cursor{Attempt: 1}, Follow: true})
	w.begin()
	w.write(task.Stdout, "a")
	w.end(false)
	f.want(`1 stdout "a" at 0`, "1 ended succeeded", "EOF")
}

func TestAnAttemptHasEndedWhenItsEndIsDurable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := setup(t)
		w.begin()
		w.write(task.Stdout, "a")
		f := w.follow(t.Context(), task.OutputQuery{Follow: true})
		f.want(`1 stdout "a" at 0`)
		sum := w.writer.Close()
		synctest.Wait() // the output is read to its end
		w.change(func() {})
		synctest.Wait() // the record is looked at once more
		if len(f.read) > 0 {
			t.Fatalf("read %s before the end was durable", <-f.read)
		}
		w.commit(sum, true)
		f.want("1 ended succeeded", "EOF")
	})
}

func TestReadersOfARunningAttempt(t *testing.T) {
	w := setup(t)
	w.begin()
	w.write(task.Stdout, "a")
	if got, _ := all(t.Context(), w.open(task.OutputQuery{})); !slices.Equal(got, []string{`1 stdout "a" at 0`}) {
		t.Errorf("without follow: read %q, want what there is and no end", got)
	}
	w.end(true)
}

// What is written after a reader that does not follow was made is not for it, so neither is the end
// of the attempt, which says that the output is complete.
func TestAPartOfTheOutputHasNoEnd(t *testing.T) {
	w := setup(t)
	w.begin()
	w.write(task.Stdout, "a")
	r := w.open(task.OutputQuery{})
	if c, err := r.Next(t.Context()); err != nil || string(c.Data) != "a" {
		t.Fatalf("%+v, %v", c, err)
	}
	w.write(task.Stdout, "b")
	w.end(true)
	if got, _ := all(t.Context(), r); len(got) > 0 {
		t.Errorf("read %q after what there was", got)
	}
}

// The task is looked at where output begins and ends, not for every chunk.
func TestChunksAskForNothingButOutput(t *testing.T) {
	w := setup(t)
	w.begin()
	for range 100 {
		w.write(task.Stdout, "out")
		w.write(task.Stderr, "err")
	}
	w.end(true)
	got, _ := all(t.Context(), w.open(task.OutputQuery{}))
	if w.looks > 3 || len(got) < 200 {
		t.Errorf("looked at the task %d times for %d chunks", w.looks, len(got))
	}
}

func TestDeletionEndsAFollower(t *testing.T) {
	w := setup(t)
	w.begin()
	w.write(task.Stdout, "a")
	f := w.follow(t.Context(), task.OutputQuery{Follow: true})
	f.want(`1 stdout "a" at 0`)
	w.change(func() { w.gone = true })
	w.writer.Close()
	f.want(task.ErrNotFound.Error())
}

func TestACanceledFollowerSaysWhy(t *testing.T) {
	w := setup(t)
	why := errors.New("enough")
	for _, begin := range []bool{false, true} {
		if begin {
			w.begin()
		}
		ctx, cancel := context.WithCancelCause(t.Context())
		f := w.follow(ctx, task.OutputQuery{Follow: true})
		cancel(why)
		f.want("enough")
	}
	w.end(true)
}

// What retention has forgotten is passed over, whatever of its output may still lie about; who asks for it
// alone is told that it is gone.
func TestForgottenAttemptsArePassedOver(t *testing.T) {
	w := setup(t)
	w.attempts(3)
	w.change(func() { delete(w.runs, 1) })
	kept := []string{
		`2 stdout "out 2\n" at 0`, `2 stderr "err 2\n" at 0`, "2 ended succeeded",
		`3 stdout "out 3\n" at 0`, `3 stderr "err 3\n" at 0`, "3 ended succeeded",
	}
	for _, from := range []task.Cursor{{Attempt: 1}, {Attempt: 1, Stdout: 3}} {
		got, _ := all(t.Context(), w.open(task.OutputQuery{From: from, Rest: true}))
		if !slices.Equal(got, kept) {
			t.Errorf("from %+v: read %q, want %q", from, got, kept)
		}
	}
	if _, err := tail.Open(w, w.outputs, "t", task.OutputQuery{From: task.Cursor{Attempt: 1}}); !errors.Is(err, task.ErrNotFound) {
		t.Errorf("a forgotten attempt: %v", err)
	}
	w.change(func() { clear(w.runs) })
	if got, _ := all(t.Context(), w.open(task.OutputQuery{From: task.Cursor{Attempt: 2}, Rest: true})); len(got) != 0 {
		t.Errorf("without any run: read %q", got)
	}
}

// A run may be forgotten while it is being read.
func TestAnAttemptForgottenInTheMiddleHasNoEnd(t *testing.T) {
	w := setup(t)
	w.attempts(2)
	r := w.open(task.OutputQuery{From: task.Cursor{Attempt: 1}, Rest: true})
	if c, err := r.Next(t.Context()); err != nil || c.Attempt != 1 {
		t.Fatalf("%+v, %v", c, err)
	}
	w.change(func() { delete(w.runs, 1) })
	got, _ := all(t.Context(), r)
	want := []string{`1 stderr "err 1\n" at 0`, `2 stdout "out 2\n" at 0`, `2 stderr "err 2\n" at 0`, "2 ended succeeded"}
	if !slices.Equal(got, want) {
		t.Errorf("read %q, want %q", got, want)
	}
}
