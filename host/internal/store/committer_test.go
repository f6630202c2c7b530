package store_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/soltihq/solti-host/host/internal/event"
	"github.com/soltihq/solti-host/host/internal/store"
	"github.com/soltihq/solti-host/host/task"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A fake is a store whose commits wait for a turn and answer what they are told to.
type fake struct {
	store.Store
	turn chan struct{} // nil means that nobody waits

	mu        sync.Mutex
	answers   []error // guarded by mu; of the next commits, nil when used up
	room      error   // guarded by mu
	groups    [][]int // guarded by mu; the records of each successful commit, by their Through
	attempted []int   // guarded by mu; how many records each commit had
}

func (f *fake) Commit(records []event.Record) error {
	if f.turn != nil {
		<-f.turn
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.attempted = append(f.attempted, len(records))
	if len(f.answers) > 0 {
		err := f.answers[0]
		f.answers = f.answers[1:]
		if err != nil {
			return err
		}
	}
	var group []int
	for _, r := range records {
		group = append(group, r.Through)
	}
	f.groups = append(f.groups, group)
	return nil
}

func (f *fake) Room() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.room
}

func (f *fake) fill(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.room = err
}

func records(kind event.Kind, numbers ...int) []event.Record {
	var out []event.Record
	for _, n := range numbers {
		out = append(out, event.Record{Kind: kind, Through: n, Task: &task.Task{}})
	}
	return out
}

// A log collects answers in order.
type log struct {
	mu   sync.Mutex
	text []string
}

func (l *log) done(n int) func(error) {
	return func(err error) {
		l.mu.Lock()
		defer l.mu.Unlock()
		word := "ok"
		switch {
		case errors.Is(err, store.ErrBroken):
			word = "broken"
		case errors.Is(err, task.ErrClosed):
			word = "closed"
		case err != nil:
			word = err.Error()
		}
		l.text = append(l.text, fmt.Sprint(n, word))
	}
}

func want(t *testing.T, what string, got, want any) {
	t.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

func closeNow(t *testing.T, c *store.Committer) {
	t.Helper()
	if err := c.Close(t.Context()); err != nil {
		t.Errorf("Close: %v", err)
	}
}

func TestUnitsAreGroupedWhileTheDiskIsBusy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, l := &fake{turn: make(chan struct{})}, new(log)
		c := store.NewCommitter(f, store.CommitterOptions{})
		c.Append(records(event.Started, 1, 2), l.done(1))
		synctest.Wait() // the first is being written
		c.Append(records(event.Started, 3), l.done(2))
		c.Append(records(event.Ended, 4, 5), l.done(3))
		close(f.turn)
		closeNow(t, c)
		want(t, "groups", f.groups, [][]int{{1, 2}, {3, 4, 5}})
		want(t, "answers", l.text, []string{"1ok", "2ok", "3ok"})
	})
}

func TestGroupsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{turn: make(chan struct{})}
		c := store.NewCommitter(f, store.CommitterOptions{})
		c.Append(records(event.Started, 0), func(error) {})
		synctest.Wait()
		for range 600 {
			c.Append(records(event.Started, 1), func(error) {})
		}
		for range 3 {
			big := records(event.Accepted, 2)
			big[0].Task.Spec.Workload.Spec = make([]byte, 700<<10)
			c.Append(big, func(error) {})
		}
		close(f.turn)
		closeNow(t, c)
		want(t, "group sizes", f.attempted, []int{1, 512, 89, 1, 1})
	})
}

func TestFullDiskDelaysAndNeverDrops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		full := fmt.Errorf("%w: test", store.ErrFull)
		f, l := &fake{turn: make(chan struct{})}, new(log)
		c := store.NewCommitter(f, store.CommitterOptions{})
		c.Append(records(event.Started, 1), l.done(1))
		synctest.Wait()
		for n := 2; n <= 5; n++ {
			c.Append(records(event.Started, n), l.done(n))
		}
		f.mu.Lock()
		f.answers = []error{nil, full, full, full, full}
		f.mu.Unlock()
		f.turn <- struct{}{}
		f.turn <- struct{}{}
		f.turn <- struct{}{}
		synctest.Wait()
		if err := c.Accepting(); !errors.Is(err, task.ErrUnavailable) || !errors.Is(err, store.ErrFull) {
			t.Errorf("Accepting with a full disk: %v", err)
		}
		if err := c.Err(); !errors.Is(err, store.ErrFull) {
			t.Errorf("Err with a full disk: %v", err)
		}
		close(f.turn)
		time.Sleep(time.Minute)
		synctest.Wait()
		if err := c.Accepting(); err != nil {
			t.Errorf("Accepting with room again: %v", err)
		}
		closeNow(t, c)
		want(t, "groups", f.groups, [][]int{{1}, {2}, {3, 4, 5}})
		want(t, "attempts", f.attempted, []int{1, 4, 2, 1, 1, 1, 3})
		want(t, "answers", l.text, []string{"1ok", "2ok", "3ok", "4ok", "5ok"})
	})
}

func TestBrokenStoreFailsAllThatWaitsAndComes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, l := &fake{turn: make(chan struct{}), answers: []error{errors.New("sync: i/o error")}}, new(log)
		c := store.NewCommitter(f, store.CommitterOptions{})
		c.Append(records(event.Started, 1), l.done(1))
		synctest.Wait()
		c.Append(records(event.Started, 2), l.done(2))
		close(f.turn)
		synctest.Wait()
		c.Append(records(event.Started, 3), l.done(3))
		synctest.Wait()
		want(t, "answers", l.text, []string{"1broken", "2broken", "3broken"})
		want(t, "commits", len(f.attempted), 1)
		if err := c.Accepting(); !errors.Is(err, task.ErrUnavailable) || !errors.Is(err, store.ErrBroken) {
			t.Errorf("Accepting: %v", err)
		}
		closeNow(t, c)
	})
}

func TestBacklogRefusesSubmissionsOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, l := &fake{turn: make(chan struct{})}, new(log)
		c := store.NewCommitter(f, store.CommitterOptions{})
		c.Append(records(event.Started, 0), l.done(0))
		synctest.Wait()
		for n := range 4096 {
			if err := c.Accepting(); err != nil {
				t.Fatalf("after %d accepts: %v", n, err)
			}
			c.Append(records(event.Accepted, n), func(error) {})
		}
		if err := c.Accepting(); !errors.Is(err, task.ErrQueueFull) {
			t.Errorf("after 4096 accepts: %v, want task.ErrQueueFull", err)
		}
		c.Append(records(event.Ended, 1), l.done(1))
		close(f.turn)
		synctest.Wait()
		if err := c.Accepting(); err != nil {
			t.Errorf("after the disk caught up: %v", err)
		}
		closeNow(t, c)
		want(t, "answers", l.text, []string{"0ok", "1ok"})
	})
}

func TestNoReserveRefusesSubmissions(t *testing.T) {
	f := &fake{}
	c := store.NewCommitter(f, store.CommitterOptions{})
	defer closeNow(t, c)
	f.fill(store.ErrFull)
	if err := c.Accepting(); !errors.Is(err, task.ErrUnavailable) || c.Err() != nil {
		t.Errorf("Accepting without a reserve: %v, Err %v", err, c.Err())
	}
	f.fill(nil)
	if err := c.Accepting(); err != nil {
		t.Errorf("Accepting with a reserve: %v", err)
	}
}

func TestCloseGivesUpAFullDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		full := make([]error, 1000)
		for i := range full {
			full[i] = store.ErrFull
		}
		f, l := &fake{answers: full}, new(log)
		c := store.NewCommitter(f, store.CommitterOptions{})
		c.Append(records(event.Started, 1), l.done(1))
		c.Append(records(event.Started, 2), l.done(2))
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Minute, errors.New("grace is over"))
		defer cancel()
		if err := c.Close(ctx); err == nil || err.Error() != "grace is over" {
			t.Errorf("Close: %v", err)
		}
		c.Append(records(event.Started, 3), l.done(3))
		want(t, "answers", l.text, []string{"1closed", "2closed", "3closed"})
		if err := c.Accepting(); !errors.Is(err, task.ErrClosed) {
			t.Errorf("Accepting: %v", err)
		}
		closeNow(t, c)
	})
}

// TestManyAppendersKeepTheirOrder appends from many goroutines; each sees its own units answered in order.
func TestManyAppendersKeepTheirOrder(t *testing.T) {
	f := new(fake)
	c := store.NewCommitter(f, store.CommitterOptions{})
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			var answered sync.WaitGroup
			next := 0
			for i := range 500 {
				answered.Add(1)
				c.Append(records(event.Started, g*1000+i), func(err error) {
					if err != nil || i != next {
						t.Errorf("answer %d, want %d: %v", i, next, err)
					}
					next++
					answered.Done()
				})
			}
			answered.Wait()
		})
	}
	wg.Wait()
	closeNow(t, c)
	last := make(map[int]int)
	for _, group := range f.groups {
		for _, n := range group {
			if n%1000 != last[n/1000] {
				t.Fatalf("record %d committed out of order", n)
			}
			last[n/1000]++
		}
	}
}
