package compile

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"

	"github.com/soltihq/solti-host/plugins/wasm/internal/moduletest"
	"github.com/soltihq/solti-host/plugins/wasm/internal/proctest"
)

// join has somebody wait, or fails the test.
func (q *queue) join(t *testing.T, size int64, back bool) *waiter {
	t.Helper()
	w := &waiter{size: size, quick: size <= small && !back, turn: make(chan place, 1)}
	if err := q.line(w, back); err != nil {
		t.Fatal(err)
	}
	return w
}

// in reports whether it is somebody's turn, and for which place.
func (w *waiter) in(p place) bool { return len(w.turn) == 1 && <-w.turn == p }

func TestTheQuickPlaceIsForWhatIsSmall(t *testing.T) {
	q := newQueue(1, 10)
	if !q.join(t, 2*small, false).in(ordinary) {
		t.Error("a place is free, and nobody has it")
	}
	large, back := q.join(t, small+1, false), q.join(t, 1, true)
	if !q.join(t, small, false).in(quick) {
		t.Error("what is small waits for what is large")
	}
	q.leave(quick)
	if len(large.turn) > 0 || len(back.turn) > 0 {
		t.Error("the quick place was given to what takes long")
	}
	q.leave(ordinary)
	if !back.in(ordinary) || len(large.turn) > 0 {
		t.Error("the smallest is not next")
	}
}

func TestTheSmallestIsNextAndNobodyStarves(t *testing.T) {
	q := newQueue(1, 100)
	q.free[quick] = 0
	q.join(t, 0, false)
	large := q.join(t, 1000, false)
	const many = 3 * mostPassed
	rest := make([]*waiter, many)
	for i := range rest {
		rest[i] = q.join(t, int64(many-i), false)
	}
	var order []int64
	for all := append(rest, large); q.length() > 0; {
		q.leave(ordinary)
		for _, w := range all {
			if w.in(ordinary) {
				order = append(order, w.size)
			}
		}
	}
	at := slices.Index(order, 1000)
	if at != mostPassed || !slices.IsSorted(order[:at]) || len(order) != many+1 {
		t.Errorf("they were let in as %v, want the large one after %d smaller ones", order, mostPassed)
	}
}

// However many large ones wait, and however long: they do not become a wall before the small ones.
func TestManyWhoWaitLongDoNotStopASmallOne(t *testing.T) {
	q := newQueue(1, 1000)
	q.free[quick] = 0
	q.join(t, 0, false)
	for range 100 {
		q.join(t, 1000, false)
	}
	for n := range 5 * mostPassed {
		w := q.join(t, 1, false)
		q.leave(ordinary)
		if w.in(ordinary) {
			continue
		}
		if q.leave(ordinary); !w.in(ordinary) {
			t.Fatalf("small one %d waits for more than one large one", n)
		}
	}
	if most := 100 - 4; q.length() > most {
		t.Errorf("%d of the large ones wait still, want at most %d", q.length(), most)
	}
}

func TestAQueueIsBounded(t *testing.T) {
	q := newQueue(1, 2)
	var full *QueueError
	for range 4 { // two places, two who wait
		q.join(t, 1, false)
	}
	if err := q.line(&waiter{}, false); !errors.As(err, &full) || full.Most != 2 || q.length() != 2 {
		t.Errorf("got %v, and %d wait", err, q.length())
	}
	if q.join(t, 1, true); q.length() != 3 {
		t.Error("who comes back was turned away")
	}
}

func TestWhoDoesNotWaitAnyMoreIsDropped(t *testing.T) {
	q := newQueue(1, 10)
	q.join(t, 1, false)
	q.join(t, 1, false)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		_, err := q.enter(ctx, 1, false)
		done <- err
	}()
	proctest.Until(t, "somebody who waits", func() bool { return q.length() == 1 })
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) || q.length() != 0 {
		t.Errorf("got %v, and %d wait", err, q.length())
	}
	// It may be somebody's turn in the moment in which he gives up.
	w, next := q.join(t, 1, false), q.join(t, 1, false)
	q.leave(ordinary)
	if q.abandon(w); !next.in(ordinary) {
		t.Error("a place was lost")
	}
}

// It does not stand in the way of others.
func TestACompilationThatNobodyWantsLosesItsTurn(t *testing.T) {
	c := newCompiler(t, Config{AtOnce: 1})
	for range 2 {
		if _, err := c.compiling.enter(t.Context(), 0, false); err != nil {
			t.Fatal(err)
		}
	}
	o := options()
	o.Key = "a"
	ctx, cancel := context.WithCancel(t.Context())
	file := fileOf(t, moduletest.Hello("x"))
	var crowd sync.WaitGroup
	for range 3 {
		crowd.Go(func() {
			if _, err := c.Compile(ctx, file, o); !errors.Is(err, context.Canceled) {
				t.Errorf("error %v", err)
			}
		})
	}
	proctest.Until(t, "one flight for all", func() bool { return c.compiling.length() == 1 })
	cancel()
	crowd.Wait()
	proctest.Until(t, "its end", func() bool { return c.compiling.length() == 0 })
}

// No place is lost or given twice, whatever happens at once.
func TestPlacesAreGivenOnce(t *testing.T) {
	const places = 2
	q := newQueue(places, 1000)
	var mu sync.Mutex
	var inside, most int
	var crowd sync.WaitGroup
	for n := range 200 {
		crowd.Go(func() {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if n%3 == 0 {
				go cancel()
			}
			p, err := q.enter(ctx, int64(n)<<17, n%7 == 0)
			if err != nil {
				return
			}
			mu.Lock()
			inside++
			most = max(most, inside)
			mu.Unlock()
			mu.Lock()
			inside--
			mu.Unlock()
			q.leave(p)
		})
	}
	crowd.Wait()
	if most > places+1 || q.idle() != places+1 || q.length() != 0 {
		t.Errorf("%d were inside, %d places are free, and %d wait", most, q.idle(), q.length())
	}
}

// A small module that takes long makes way for others, and is compiled when there is an ordinary place.
func TestWhatIsSlowIsBegunAgain(t *testing.T) {
	told := make(chan Compilation, 10)
	c := newCompiler(t, Config{AtOnce: 1, Observe: func(c Compilation) { told <- c }})
	c.quick.Wall = 1
	p, err := c.compiling.enter(t.Context(), 0, false)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	file := fileOf(t, moduletest.Hello("x"))
	go func() {
		r, err := c.Compile(t.Context(), file, options())
		if err == nil {
			err = r.Close()
		}
		done <- err
	}()
	if first := <-told; !first.Deferred || first.OK {
		t.Errorf("told of %+v", first)
	}
	proctest.Until(t, "it to wait", func() bool { return c.compiling.length() == 1 })
	c.compiling.leave(p)
	if err := <-done; err != nil {
		t.Error(err)
	}
	if second := <-told; second.Deferred || !second.OK {
		t.Errorf("told of %+v", second)
	}
}

// What is beyond a limit that is the same in every place is not.
func TestWhatIsOnlyTooLargeIsNotBegunAgain(t *testing.T) {
	told := make(chan Compilation, 10)
	c := newCompiler(t, Config{AtOnce: 1, Limits: Limits{File: 10 << 10}, Observe: func(c Compilation) { told <- c }})
	if _, err := c.compiling.enter(t.Context(), 0, false); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), proctest.Patience)
	defer cancel()
	if _, err := c.Compile(ctx, fileOf(t, moduletest.CompileBomb(100)), options()); limitOf(err) != LimitFile {
		t.Errorf("error %v", err)
	}
	if first := <-told; first.Deferred {
		t.Errorf("told of %+v", first)
	}
}

// Who refuses needs no place of those who compile.
func TestChecksDoNotWaitForCompilations(t *testing.T) {
	c := newCompiler(t, Config{AtOnce: 1})
	for range 2 {
		if _, err := c.compiling.enter(t.Context(), 0, false); err != nil {
			t.Fatal(err)
		}
	}
	o := options()
	o.CheckOnly = true
	r := c.mustCompile(t, moduletest.Hello("x"), o)
	if _, err := c.Compile(t.Context(), fileOf(t, []byte("\x00asm\x0d\x00\x01\x00")), o); !errors.As(err, new(*RefusedError)) {
		t.Errorf("a component: %v", err)
	}
	c.compiling.leave(ordinary)
	o.CheckOnly, o.Admitted, o.Rules = false, r.Digest, Rules{}
	if r, err := c.Compile(t.Context(), r.Derived, o); err != nil || r.Digest != o.Admitted {
		t.Errorf("what was admitted: %v", err)
	} else if err := r.Close(); err != nil {
		t.Error(err)
	}
	o.Admitted = "sha256:" + o.Admitted[len("sha256:")+1:] + "0"
	if _, err := c.Compile(t.Context(), r.Derived, o); !errors.As(err, new(*CrashError)) {
		t.Errorf("another module than the one that was admitted: %v", err)
	}
}
