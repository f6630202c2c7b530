package wire

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"reflect"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestJobArrivesWhole(t *testing.T) {
	file, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	job := Job{
		Entry: "main", Args: []string{"a", ""}, Env: []string{"A=b"}, Stdin: file,
		Mounts:    []Mount{{Guest: "/x", Dir: file, Writable: true, Quota: 1 << 40, Links: true}, {Guest: "/y", Dir: file}},
		Listeners: []Listener{{Name: "http", File: file}},
		Clock:     ClockNone, Seeded: true, Seed: [32]byte{31: 7}, OpenFiles: 9, CPU: time.Hour, Last: true,
	}
	status := Status{
		End: Trapped, Code: 1<<32 - 1, Reason: "r", Instantiated: 1, Ran: time.Hour, Reusable: true,
		Trap: Trap{Kind: TrapMemory, Message: "m", Frames: []Frame{{"f", "s:1"}, {"g", ""}}},
	}
	jobs := make(chan Job, 1)
	p := connected(t, func(c *Child) {
		got, fds, err := c.Next()
		if err != nil {
			t.Error(err)
			return
		}
		jobs <- got
		if fds.Stdin < 0 || len(fds.Mounts) != 2 || len(fds.Listeners) != 1 {
			t.Errorf("descriptors %+v", fds)
		}
		for _, fd := range append(append([]int{fds.Stdin}, fds.Mounts...), fds.Listeners...) {
			if err := unix.Close(fd); err != nil {
				t.Error(err)
			}
		}
		if err := c.Status(status); err != nil {
			t.Error(err)
		}
	})
	gotStatus, err := p.Run(job, &record{}, Limit{})
	if err != nil || !reflect.DeepEqual(gotStatus, status) {
		t.Errorf("status %+v, %v; want %+v", gotStatus, err, status)
	}
	job.Stdin = nil
	got := <-jobs
	for i := range job.Mounts {
		job.Mounts[i].Dir = nil
	}
	job.Listeners[0].File = nil
	if !reflect.DeepEqual(got, job) {
		t.Errorf("job %+v\nwant %+v", got, job)
	}
}

// chunks writes pieces of all sizes to both streams and returns what each got.
func chunks(t *testing.T, c *Child, total int) (sent [3]bytes.Buffer) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for n := 0; n < total; {
		p := make([]byte, 1+rnd.IntN([]int{8, 100, 5000, 100_000}[rnd.IntN(4)]))
		for i := range p {
			p[i] = byte(rnd.Uint32())
		}
		s := Stdout + Stream(rnd.IntN(2))
		sent[s].Write(p)
		if err := c.Write(s, p); err != nil {
			t.Error(err)
		}
		n += len(p)
	}
	return sent
}

func TestOutputIsComplete(t *testing.T) {
	for _, ended := range []bool{true, false} { // with a Status, or by the process's end
		wrote := make(chan [3]bytes.Buffer, 1)
		p := connected(t, func(c *Child) {
			if _, _, err := c.Next(); err != nil {
				t.Error(err)
			}
			wrote <- chunks(t, c, 2<<20)
			if ended {
				if err := c.Status(Status{End: Exited}); err != nil {
					t.Error(err)
				}
			}
		})
		out := &record{}
		_, err := p.Run(Job{}, out, Limit{})
		if ended && err != nil || !ended && !errors.Is(err, ErrGone) {
			t.Fatalf("run: %v", err)
		}
		sent := <-wrote
		for s := Stdout; s <= Stderr; s++ {
			if !bytes.Equal(out.out[s].Bytes(), sent[s].Bytes()) {
				t.Errorf("%s: %d bytes arrived of %d, or others", s, out.out[s].Len(), sent[s].Len())
			}
		}
	}
}

// A worker that writes little and then computes does not keep its output.
func TestOutputDoesNotWait(t *testing.T) {
	arrived := make(chan struct{})
	p := connected(t, func(c *Child) {
		if _, _, err := c.Next(); err != nil {
			t.Error(err)
		}
		for range 3 {
			if err := c.Write(Stdout, []byte("line\n")); err != nil {
				t.Error(err)
			}
			<-arrived
		}
		if err := c.Status(Status{End: Exited}); err != nil {
			t.Error(err)
		}
	})
	out := &record{call: func() { arrived <- struct{}{} }}
	if _, err := p.Run(Job{}, out, Limit{}); err != nil {
		t.Fatal(err)
	}
}

func TestLimits(t *testing.T) {
	for _, c := range []struct {
		limit Limit
		err   error
		kept  int
	}{
		{Limit{}, nil, 100_000},
		{Limit{Bytes: 100_000, Over: Kill}, nil, 100_000},
		{Limit{Bytes: 99_999, Over: Kill}, ErrOutputLimit, 99_999},
		{Limit{Bytes: 99_999, Over: Drop}, nil, 99_999},
		{Limit{Bytes: 99_999}, nil, 99_999},
		{Limit{Rate: 60_000, Over: Kill}, ErrOutputLimit, 60_000},
		{Limit{Rate: 80_000}, nil, 100_000},
	} {
		p := connected(t, func(child *Child) {
			if _, _, err := child.Next(); err != nil {
				t.Error(err)
			}
			_ = child.Write(Stdout, make([]byte, 100_000))
			_ = child.Status(Status{End: Exited})
		})
		out := &record{}
		_, err := p.Run(Job{}, out, c.limit)
		if !errors.Is(err, c.err) {
			t.Errorf("%+v: %v, want %v", c.limit, err, c.err)
		}
		if n := out.out[Stdout].Len(); c.err == nil && n != c.kept || n > c.kept+2000 || n < c.kept {
			t.Errorf("%+v: kept %d, want %d", c.limit, n, c.kept)
		}
		if c.err == nil && out.gaps[Stdout] != int64(100_000-c.kept) {
			t.Errorf("%+v: %d dropped", c.limit, out.gaps[Stdout])
		}
	}
}

func TestLoadEndsWithItsContext(t *testing.T) {
	p, child, err := NewParent()
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	defer child.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := p.Load(ctx, Load{Module: child}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("load: %v, want a deadline", err)
	}
}

func TestUsageIsSeenAtOnce(t *testing.T) {
	seen, counted := make(chan struct{}), make(chan struct{})
	p := connected(t, func(c *Child) {
		_, _, _ = c.Next()
		c.Counter(Opens).Add(3)
		close(counted)
		<-seen
		_ = c.Status(Status{End: Exited})
	})
	var done atomic.Bool
	go func() {
		<-counted
		if got := p.Usage().Opens; got != 3 || done.Load() {
			t.Errorf("%d opens", got)
		}
		close(seen)
	}()
	_, err := p.Run(Job{}, &record{}, Limit{})
	done.Store(true)
	if err != nil {
		t.Fatal(err)
	}
}

func TestTooLargeAJobIsRefused(t *testing.T) {
	p := connected(t, func(*Child) {})
	if _, err := p.Run(Job{Args: []string{string(make([]byte, MaxMessage))}}, &record{}, Limit{}); err == nil {
		t.Error("no error")
	}
}
