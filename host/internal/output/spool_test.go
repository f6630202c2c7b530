package output

import (
	"testing"
	"time"
)

func TestFinishedHoldsARunOnce(t *testing.T) {
	var l finished
	k, other := newKey(), newKey()
	l.add(&finishedRun{key: other, size: 1})
	l.add(&finishedRun{key: k, size: 1})
	l.prepend([]*finishedRun{{key: k, size: 2, end: time.Now()}})
	l.add(&finishedRun{key: k, size: 3})
	if n := l.order.Len(); n != 2 {
		t.Errorf("%d entries, want 2", n)
	}
	if size, _ := l.take(k); size != 3 {
		t.Errorf("size %d, want the last", size)
	}
	if size, _ := l.take(k); size != 0 {
		t.Errorf("taken twice")
	}
	if l.oldest().key != other {
		t.Error("the other has gone")
	}
}

// Runs are promoted and end while a new host is still measuring what it found.
func TestMeasuringBesideNewRuns(t *testing.T) {
	for range 30 {
		o := Options{SpoolCap: 64 << 10, segment: 4 << 10, Small: 1}
		s, dir := setup(t, o)
		for range 30 {
			w := create(t, s, newKey())
			w.Write(1, 0, make([]byte, 2000), time.Now())
			w.Close()
		}
		s.walk.Wait()
		if n := sizeFiles(t, dir); n != s.spool.Load() || n > 64<<10 {
			t.Fatalf("%d bytes on disk, counted %d", n, s.spool.Load())
		}
		s.Close()
	}
}
