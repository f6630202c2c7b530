package output

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/soltihq/solti-host/host/task"
)

// Many followers of a run that writes without pause are woken now and then, and together; what is
// written after silence reaches them at once, and so does the end.
func TestManyFollowersAreWokenTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const followers, writes = 100, 1000
		s := reopen(t, "", Options{})
		w := create(t, s, newKey())
		var wg sync.WaitGroup
		var chunks, total atomic.Int64
		var latest atomic.Int64 // when a follower last got something, or the end
		for range followers {
			rd := s.Follow(w.r.key, nil, task.Cursor{}, Filter{Follow: true})
			wg.Go(func() {
				defer rd.Close()
				for {
					c, err := rd.Next(context.Background())
					latest.Store(time.Now().UnixNano())
					if err != nil {
						return
					}
					chunks.Add(1)
					total.Add(int64(len(c.Data)))
				}
			})
		}
		synctest.Wait()
		for range writes {
			say(w, task.Stdout, "x")
			time.Sleep(100 * time.Microsecond) // of the bubble's own time
		}
		time.Sleep(maxWakePause)
		if n := total.Load(); n != followers*writes {
			t.Errorf("followers have %d bytes, want %d", n, followers*writes)
		}
		if n := chunks.Load() / followers; n < 10 || n > 50 {
			t.Errorf("each got %d chunks in 100 ms, want about 30", n)
		}

		time.Sleep(time.Second)
		say(w, task.Stdout, "y")
		synctest.Wait()
		if at := latest.Load(); total.Load() != followers*(writes+1) || at != time.Now().UnixNano() {
			t.Error("what was written after silence came late")
		}
		say(w, task.Stdout, "z")
		w.Close()
		synctest.Wait()
		if at := latest.Load(); total.Load() != followers*(writes+2) || at != time.Now().UnixNano() {
			t.Error("the end came late")
		}
		wg.Wait()
		time.Sleep(maxWakePause) // what was put off comes to nothing
	})
}

// One follower gets everything at once.
func TestOneFollowerIsNeverPutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := reopen(t, "", Options{})
		w := create(t, s, newKey())
		rd := s.Follow(w.r.key, nil, task.Cursor{}, Filter{Follow: true})
		defer rd.Close()
		got := make(chan time.Time)
		go func() {
			defer close(got)
			for {
				if _, err := rd.Next(context.Background()); err != nil {
					return
				}
				got <- time.Now()
			}
		}()
		for range 50 {
			synctest.Wait()
			say(w, task.Stdout, "x")
			if at := <-got; !at.Equal(time.Now()) {
				t.Fatalf("came at %v, written at %v", at, time.Now())
			}
		}
		w.Close()
		<-got
	})
}
