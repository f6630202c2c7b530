package api

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		turns := newTurns()
		var ends []func()
		for range cap(turns.slots) {
			ends = append(ends, turns.take())
		}
		begin := time.Now()
		order := make(chan int, 3)
		for i := range 3 {
			go func() {
				end := turns.take()
				order <- i
				time.Sleep(10 * turnTime) // of the bubble's own time: its client does not read
				end()
			}()
			synctest.Wait()
		}
		if len(order) > 0 {
			t.Fatal("there were more turns than there are")
		}
		ends[0]()
		synctest.Wait()
		if len(order) != 1 || time.Since(begin) != 0 {
			t.Fatalf("%d took a turn that ended", len(order))
		}
		time.Sleep(2 * turnTime)
		for want := range 3 {
			if got := <-order; got != want {
				t.Errorf("%d had its turn before %d", got, want)
			}
		}
		if d := time.Since(begin); d > 3*turnTime {
			t.Errorf("waited %v for those who did not end their turns", d)
		}
		time.Sleep(20 * turnTime)
		for _, end := range ends {
			end() // again, or late
		}
		if n := len(turns.slots); n != 0 {
			t.Errorf("%d turns are taken after all have ended", n)
		}
	})
}
