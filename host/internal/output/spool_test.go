package output

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/soltihq/solti-host/host/task"
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

// Directories of runs that were forgotten, but not removed before the host died, go at the next start.
func TestWhatBelongsToNoKnownRunGoes(t *testing.T) {
	o := Options{Small: 1}
	s, dir := setup(t, o)
	uid, gone := newKey().UID, newKey().UID
	keys := []Key{{uid, 1}, {uid, 2}, {uid, 3}, {gone, 1}, {gone, 2}}
	for _, k := range keys {
		w := create(t, s, k)
		say(w, task.Stdout, "hello")
		if k != keys[2] {
			w.Close()
		}
	}
	empty := newKey().UID.String()
	if err := s.disk.mkdir(empty); err != nil {
		t.Fatal(err)
	}
	s.Close()

	o.Open = []Key{keys[2]}
	o.Known = func(k Key) bool { return k == keys[1] }
	s = reopen(t, dir, o)
	fresh := create(t, s, newKey())
	say(fresh, task.Stdout, "hello")
	s.walk.Wait()
	for _, k := range keys {
		_, err := os.Stat(filepath.Join(dir, k.dir()))
		if want := k == keys[1] || k == keys[2]; (err == nil) != want {
			t.Errorf("%v is there: %t, want %t", k, err == nil, want)
		}
	}
	for _, name := range []string{gone.String(), empty} {
		if _, err := os.Stat(filepath.Join(dir, name)); !os.IsNotExist(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
	say(fresh, task.Stdout, ", you")
	if x := read(t, s, fresh.r.key, fresh.Close().Ref, mark{}, 0); string(x.stream[0]) != "hello, you" {
		t.Errorf("a run of this host has %q", x.stream[0])
	}
	if sum := s.Recover(keys[2]); sum.Stdout != 5 || sum.Dropped != 0 {
		t.Errorf("a run that was open: %+v", sum)
	}
	if n := sizeFiles(t, dir); n != s.spool.Load() {
		t.Errorf("%d bytes on disk, counted %d", n, s.spool.Load())
	}
	s.Close()

	o.Open, o.Known = nil, nil // nobody can tell
	s = reopen(t, dir, o)
	s.walk.Wait()
	if x := read(t, s, keys[1], nil, mark{}, 0); string(x.stream[0]) != "hello" {
		t.Errorf("a run that was kept has %q", x.stream[0])
	}
}

// A run gets its directory also while those of the task are removed because they are empty.
func TestDirectoriesAreMadeBesideTheirRemoval(t *testing.T) {
	s, _ := setup(t, Options{})
	parent := newKey().UID.String()
	remove, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for range remove {
			s.disk.root.Remove(parent)
		}
	}()
	for range 500 {
		for range 2 { // as often as happens in the lifetime of one
			select {
			case remove <- struct{}{}:
			default:
			}
		}
		if err := s.disk.mkdir(parent + "/1"); err != nil {
			t.Error(err)
		}
		s.disk.root.Remove(parent + "/1")
	}
	close(remove)
	<-done
}
