package output

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/soltihq/solti-host/host/task"
)

// followAll reads to the end and checks the bytes against want from each stream's cursor on.
func followAll(rd *Reader, from mark, want *[2][]byte) error {
	defer rd.Close()
	at := from
	for {
		c, err := rd.Next(context.Background())
		if errors.Is(err, io.EOF) {
			if at != (mark{int64(len(want[0])), int64(len(want[1]))}) {
				return errors.New("ended too early")
			}
			return nil
		}
		if err != nil {
			return err
		}
		i := c.Stream - 1
		if c.Gap > 0 || c.Offset != at[i] || !bytes.HasPrefix(want[i][c.Offset:], c.Data) {
			return errors.New("other bytes, or a gap: " + c.Why)
		}
		at[i] += int64(len(c.Data))
	}
}

func TestHundredFollowersGetEverything(t *testing.T) {
	fds := countFDs(t)
	s, _ := setup(t, Options{Ring: 64 << 10})
	var want [2][]byte
	r := rand.New(rand.NewPCG(1, 2))
	for i := range want {
		want[i] = make([]byte, 1<<20)
		for j := range want[i] {
			want[i][j] = byte(r.Uint32())
		}
	}
	k := newKey()
	w := create(t, s, k)
	var wg sync.WaitGroup
	errs := make(chan error, 200)
	for i := range 100 {
		from := mark{int64(i * 101), int64(i * 7)}
		rd := s.Follow(k, nil, task.Cursor{Stdout: from[0], Stderr: from[1]}, Filter{Follow: true})
		wg.Go(func() { errs <- followAll(rd, from, &want) })
	}
	// Others come and go, and never read.
	idle := s.Follow(k, nil, task.Cursor{}, Filter{Follow: true})
	wg.Go(func() {
		for range 50 {
			ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
			rd := s.Follow(k, nil, task.Cursor{Stdout: 1 << 40, Stderr: 1 << 40}, Filter{Follow: true})
			if _, err := rd.Next(ctx); !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, io.EOF) {
				errs <- err
			}
			rd.Close()
			cancel()
		}
	})
	var at mark
	for at.sum() < 2<<20 {
		i := r.IntN(2)
		n := min(1+r.IntN(20_000), len(want[i])-int(at[i]))
		w.Write(task.Stream(i+1), at[i], want[i][at[i]:at[i]+int64(n)], time.Now())
		at[i] += int64(n)
	}
	sum := w.Close()
	wg.Wait()
	idle.Close()
	close(errs)
	for err := range errs {
		if err != nil {
			t.Error(err)
		}
	}
	if sum.Dropped != 0 {
		t.Errorf("dropped %d", sum.Dropped)
	}
	if s.ringUsed.Load() != 0 || s.rings.Load() != 0 || s.readers.Load() != 0 {
		t.Errorf("%d bytes in %d rings, %d readers left", s.ringUsed.Load(), s.rings.Load(), s.readers.Load())
	}
	s.Close()
	if now := countFDs(t); now != fds {
		t.Errorf("%d descriptors, before %d", now, fds)
	}
}

// Many runs at once, each with a follower, while the shared segments are swept and the ended runs
// removed.
func TestManyRunsAtOnce(t *testing.T) {
	s, dir := setup(t, Options{Small: 2 << 10, segment: 8 << 10, sharedSegment: 8 << 10, Ring: 4 << 10, RingTotal: 32 << 10})
	want := [2][]byte{bytes.Repeat([]byte("stdout"), 1000), bytes.Repeat([]byte("err"), 500)}
	stop := make(chan struct{})
	var sweeper, wg sync.WaitGroup
	sweeper.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				if err := s.Sweep(time.Now(), time.Hour); err != nil {
					t.Error(err)
				}
				runtime.Gosched()
			}
		}
	})
	for g := range 8 {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(uint64(g), 7))
			for range 20 {
				k := newKey()
				rd := s.Follow(k, nil, task.Cursor{}, Filter{Follow: true})
				got := make(chan error)
				w, err := s.Create(k, "many")
				if err != nil {
					t.Error(err)
					return
				}
				limit := 1 + r.IntN(6000)
				mine := [2][]byte{want[0][:limit], want[1][:limit/4]}
				go func() { got <- followAll(rd, mark{}, &mine) }()
				for i, data := range mine {
					for at := 0; at < len(data); {
						n := min(1+r.IntN(600), len(data)-at)
						w.Write(task.Stream(i+1), int64(at), data[at:at+n], time.Now())
						at += n
					}
				}
				sum := w.Close()
				if err := <-got; err != nil {
					t.Error(err)
				}
				if err := followAll(s.Follow(k, sum.Ref, task.Cursor{}, Filter{}), mark{}, &mine); err != nil {
					t.Error(err)
				}
				if err := s.Remove(k.UID); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	close(stop)
	sweeper.Wait()
	if err := s.Sweep(time.Now().Add(time.Hour), 0); err != nil {
		t.Error(err)
	}
	if n := countFiles(t, dir); n != 0 || s.spool.Load() != 0 {
		t.Errorf("%d files, %d bytes counted", n, s.spool.Load())
	}
}

// A writer is not slowed by readers that hold what they got, or stand still.
func TestStalledReadersHoldNothing(t *testing.T) {
	s, _ := setup(t, Options{})
	k := newKey()
	w := create(t, s, k)
	say(w, task.Stdout, strings.Repeat("x", 200<<10))
	fds := countFDs(t)
	for range 300 {
		rd := s.Follow(k, nil, task.Cursor{}, Filter{Follow: true})
		if _, err := rd.Next(t.Context()); err != nil {
			t.Fatal(err)
		}
		defer rd.Close()
	}
	if now := countFDs(t); now != fds {
		t.Errorf("readers hold %d descriptors", now-fds)
	}
	for range 100 {
		say(w, task.Stdout, strings.Repeat("y", 32<<10))
	}
	if n := s.ringUsed.Load(); n > 256<<10+ringCost {
		t.Errorf("the ring has %d bytes", n)
	}
}

// countFDs returns how many descriptors the process has, or 0 where that is not to be had.
func countFDs(t testing.TB) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return 0
	}
	return len(list)
}
