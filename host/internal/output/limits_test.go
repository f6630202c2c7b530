package output

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/soltihq/solti-host/host/task"
)

func TestOutputYieldsToWhatNeedsTheDiskMore(t *testing.T) {
	var wanted atomic.Bool
	s, _ := setup(t, Options{Yield: wanted.Load})
	k := newKey()
	w := create(t, s, k)
	say(w, task.Stdout, "one")
	wanted.Store(true)
	size := s.spool.Load()
	say(w, task.Stdout, strings.Repeat("x", 1<<20))
	if now := s.spool.Load(); now != size {
		t.Errorf("%d bytes of files while they had to stay as they were, %d before", now, size)
	}
	wanted.Store(false)
	say(w, task.Stdout, "two")
	sum := w.Close()
	if x := read(t, s, k, sum.Ref, mark{}, 0); sum.Dropped != 1<<20 || x.gaps != 1<<20 || string(x.stream[0][:3]) != "one" {
		t.Errorf("dropped %d, gaps of %d", sum.Dropped, x.gaps)
	}
}

func TestFullDiskDropsAndResumes(t *testing.T) {
	for _, before := range []int{0, 100, 100 << 10} {
		t.Run(fmt.Sprint(before), func(t *testing.T) {
			count := new(counter)
			s, _ := setup(t, Options{Observer: count})
			full := false
			s.disk.write = func(f *os.File, b []byte, off int64) (int, error) {
				if full {
					n, _ := f.WriteAt(b[:len(b)/3], off)
					return n, syscall.ENOSPC
				}
				return f.WriteAt(b, off)
			}
			k := newKey()
			w := create(t, s, k)
			if before > 0 {
				say(w, task.Stdout, strings.Repeat("b", before))
			}
			rd := s.Follow(k, nil, task.Cursor{Stdout: int64(before)}, Filter{Follow: true})
			defer rd.Close()
			full = true
			for range 100 {
				say(w, task.Stdout, strings.Repeat("x", 1000))
			}
			say(w, task.Stderr, "lost")
			c, err := rd.Next(t.Context())
			if err != nil || c.Gap != 100_000 || !strings.Contains(c.Why, "no space") {
				t.Fatalf("follower got %+v, %v", c, err)
			}
			full = false
			say(w, task.Stdout, "again")
			if c, err = rd.Next(t.Context()); err != nil || c.Gap != 4 || c.Stream != task.Stderr {
				t.Fatalf("follower got %+v, %v", c, err)
			}
			if c, err = rd.Next(t.Context()); err != nil || string(c.Data) != "again" {
				t.Fatalf("follower got %+v, %v", c, err)
			}
			sum := w.Close()
			if sum.Dropped != 100_004 || count.drops(DropDisk) != 100_004 {
				t.Errorf("dropped %d, counted %d", sum.Dropped, count.drops(DropDisk))
			}
			x := read(t, s, k, sum.Ref, mark{}, 0)
			if x.gaps != sum.Dropped || len(x.stream[0]) != before+100_005 {
				t.Errorf("gaps of %d, stdout of %d", x.gaps, len(x.stream[0]))
			}
		})
	}
}

func TestRateIsLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := reopen(t, "", Options{Rate: 1000})
		k := newKey()
		w := create(t, s, k)
		for range 50 {
			say(w, task.Stdout, strings.Repeat("x", 100))
		}
		if got := 5000 - w.r.tally.dropped(); got != 1000 {
			t.Errorf("kept %d in the first second, want 1000", got)
		}
		for range 100 {
			time.Sleep(100 * time.Millisecond) // of the bubble's own time
			say(w, task.Stdout, strings.Repeat("x", 200))
		}
		sum := w.Close()
		if kept := sum.Stdout - sum.Dropped; kept < 10_500 || kept > 11_500 {
			t.Errorf("kept %d in eleven seconds", kept)
		}
		if x := read(t, s, k, sum.Ref, mark{}, 0); x.gaps != sum.Dropped || x.whys[whyRate] != x.gaps {
			t.Errorf("gaps %v, dropped %d", x.whys, sum.Dropped)
		}
	})
}

func TestSpoolCapDropsWhatEndedFirst(t *testing.T) {
	count := new(counter)
	s, dir := setup(t, Options{SpoolCap: 300 << 10, segment: 16 << 10, sharedSegment: 16 << 10, Small: 4 << 10, Observer: count})
	type ended struct {
		k   Key
		sum Summary
	}
	var runs []ended
	for i := range 60 {
		k := newKey()
		w := create(t, s, k)
		size := 2 << 10
		if i%2 == 0 {
			size = 20 << 10
		}
		for range 4 {
			say(w, task.Stdout, strings.Repeat("x", size/4))
		}
		runs = append(runs, ended{k, w.Close()})
		if n := s.spool.Load(); n > 300<<10+40<<10 {
			t.Fatalf("spool of %d", n)
		}
	}
	if n := sizeFiles(t, dir); n != s.spool.Load() || n != count.spool.Load() {
		t.Errorf("%d bytes on disk, counted %d, told %d", n, s.spool.Load(), count.spool.Load())
	}
	state := ""
	for _, r := range runs {
		x := read(t, s, r.k, r.sum.Ref, mark{}, 0)
		if int64(len(x.stream[0])) != r.sum.Stdout {
			t.Fatalf("read %d of %d", len(x.stream[0]), r.sum.Stdout)
		}
		state += map[bool]string{true: "-", false: "+"}[x.gaps == r.sum.Stdout]
	}
	if large := func(s string) (l string) {
		for i := 0; i < len(s); i += 2 {
			l += s[i : i+1]
		}
		return l
	}(state); strings.Contains(large, "+-") || !strings.HasSuffix(state, "++++") || !strings.HasPrefix(state, "----") {
		t.Errorf("kept %s", state)
	}

	// One live run may not exceed the cap either, and a later host knows what is there.
	s.Close()
	s = reopen(t, dir, Options{SpoolCap: 300 << 10, segment: 16 << 10, Small: 4 << 10})
	w := create(t, s, newKey())
	for range 1000 {
		say(w, task.Stdout, strings.Repeat("y", 1<<10))
	}
	s.walk.Wait()
	w.Close()
	if n := sizeFiles(t, dir); n > 300<<10+32<<10 || n != s.spool.Load() {
		t.Errorf("%d bytes on disk, counted %d", n, s.spool.Load())
	}
}

func TestSweepRemovesWhatHasExpired(t *testing.T) {
	s, dir := setup(t, Options{sharedSegment: 4 << 10})
	live := create(t, s, newKey())
	say(live, task.Stdout, "I live")
	var keys []Key
	var sums []Summary
	for range 20 {
		k := newKey()
		w := create(t, s, k)
		say(w, task.Stdout, strings.Repeat("x", 1000))
		keys, sums = append(keys, k), append(sums, w.Close())
	}
	if err := s.Sweep(time.Now(), time.Hour); err != nil {
		t.Fatal(err)
	}
	if x := read(t, s, keys[0], sums[0].Ref, mark{}, 0); x.gaps != 0 {
		t.Error("swept too early")
	}
	if err := s.Sweep(time.Now().Add(2*time.Hour), time.Hour); err != nil {
		t.Fatal(err)
	}
	if x := read(t, s, keys[0], sums[0].Ref, mark{}, 0); x.gaps != 1000 {
		t.Error("not swept")
	}
	if n := countFiles(t, dir); n != 1 {
		t.Errorf("%d files, want that of the live run", n)
	}
	say(live, task.Stdout, ", still")
	sum := live.Close()
	if x := read(t, s, live.r.key, sum.Ref, mark{}, 0); string(x.stream[0]) != "I live, still" {
		t.Errorf("the live run has %q", x.stream[0])
	}
	if err := s.Remove(live.r.key.UID); err != nil {
		t.Fatal(err)
	}
	if n := countFiles(t, dir); n != 0 || s.spool.Load() != 0 {
		t.Errorf("%d files, %d bytes counted", n, s.spool.Load())
	}
	if _, err := os.Stat(dir + "/" + live.r.key.UID.String()); !os.IsNotExist(err) {
		t.Errorf("the task's directory: %v", err)
	}
}

// A live run that has to leave what it shares takes along what it has lost.
func TestSweepTakesPendingGapsAlong(t *testing.T) {
	s, dir := setup(t, Options{sharedSegment: 4 << 10})
	w := create(t, s, newKey())
	w.Gap(task.Stdout, 0, 5, "first", time.Now())
	w.Gap(task.Stdout, 5, 7, "second", time.Now()) // too soon to be written on its own
	other := create(t, s, newKey())
	say(other, task.Stdout, strings.Repeat("x", 5<<10))
	other.Close()
	if err := s.Sweep(time.Now().Add(2*time.Hour), time.Hour); err != nil {
		t.Fatal(err)
	}
	if w.r.kept.place != inOwn {
		t.Fatal("the run did not move")
	}
	x := read(t, s, w.r.key, nil, mark{}, 0)
	if x.whys["first"] != 5 || x.whys["second"] != 7 {
		t.Errorf("gaps %v", x.whys)
	}
	afterKill(t, dir, w.r.key, "second", Summary{Stdout: 12, Dropped: 12})
}

func TestRemoveLeavesLiveRunsAlone(t *testing.T) {
	for _, inMemory := range []bool{false, true} {
		dir := ""
		if !inMemory {
			dir = t.TempDir()
		}
		s := reopen(t, dir, Options{Small: 1})
		k := newKey()
		w := create(t, s, k)
		say(w, task.Stdout, "hello")
		k2 := Key{k.UID, 2}
		w2 := create(t, s, k2)
		say(w2, task.Stdout, "hello")
		sum2 := w2.Close()
		if err := s.Remove(k.UID); err != nil {
			t.Fatal(err)
		}
		if x := read(t, s, k2, sum2.Ref, mark{}, 0); x.gaps != 5 {
			t.Errorf("the ended run is still there")
		}
		sum := w.Close()
		if x := read(t, s, k, sum.Ref, mark{}, 0); string(x.stream[0]) != "hello" {
			t.Errorf("the live run has %q", x.stream[0])
		}
	}
}

func TestMemoryOfRingsIsBounded(t *testing.T) {
	for _, inMemory := range []bool{false, true} {
		dir := ""
		if !inMemory {
			dir = t.TempDir()
		}
		s := reopen(t, dir, Options{Ring: 64 << 10, RingTotal: 512 << 10, RunCap: 128 << 10})
		var writers []*Writer
		for range 100 {
			w := create(t, s, newKey())
			rd := s.Follow(w.r.key, nil, task.Cursor{}, Filter{Follow: true})
			defer rd.Close()
			writers = append(writers, w)
			for range 10 {
				say(w, task.Stdout, strings.Repeat("x", 10<<10))
			}
			if n := s.ringUsed.Load(); n > 512<<10 {
				t.Fatalf("rings of %d bytes", n)
			}
		}
		var sum int64
		for _, w := range writers {
			if w.r.ring != nil {
				sum += w.r.ring.used
			}
		}
		if got := s.ringUsed.Load(); got != sum {
			t.Errorf("counted %d bytes, there are %d", got, sum)
		}
	}
}

func TestEndedRunsInMemoryGoOldestFirst(t *testing.T) {
	s := reopen(t, "", Options{RingTotal: 100 << 10})
	var keys []Key
	var sums []Summary
	for range 500 {
		k := newKey()
		w := create(t, s, k)
		say(w, task.Stdout, strings.Repeat("x", 1000))
		keys, sums = append(keys, k), append(sums, w.Close())
	}
	kept := 0
	for i := range keys {
		x := read(t, s, keys[i], sums[i].Ref, mark{}, 0)
		if x.gaps == 0 {
			kept++
		} else if kept > 0 {
			t.Fatal("a later run went before an earlier one")
		}
	}
	if kept < 40 || kept > 100 {
		t.Errorf("kept %d runs", kept)
	}
	if n := len(s.runs); n != kept {
		t.Errorf("%d runs in memory, %d kept", n, kept)
	}
}

// What was kept of a gibibyte, or in the short form of a part of it, is its end; all is accounted for.
func TestLargeOutputThroughSmallCaps(t *testing.T) {
	total := int64(32 << 20)
	if *long {
		total = 1 << 30
	}
	s, dir := setup(t, Options{RunCap: 2 << 20, segment: 128 << 10})
	k := newKey()
	w := create(t, s, k)
	data := make([]byte, maxData)
	for at := int64(0); at < total; at += maxData {
		for i := 0; i < len(data); i += 4096 {
			copy(data[i:], fmt.Sprintf("%016x", at+int64(i)))
		}
		w.Write(task.Stdout, at, data, time.Time{})
	}
	sum := w.Close()
	rd := s.Follow(k, sum.Ref, task.Cursor{}, Filter{})
	defer rd.Close()
	var gaps, at int64
	for {
		c, err := rd.Next(t.Context())
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil || c.Offset != at {
			t.Fatalf("chunk at %d, want %d, %v", c.Offset, at, err)
		}
		if len(c.Data) > 0 && string(c.Data[:16]) != fmt.Sprintf("%016x", at) {
			t.Fatalf("at %d: %q", at, c.Data[:16])
		}
		gaps += c.Gap
		at += c.Gap + int64(len(c.Data))
	}
	if at != total || gaps != sum.Dropped || total-gaps < 1<<20 {
		t.Errorf("read %d of %d, gaps %d, dropped %d", at, total, gaps, sum.Dropped)
	}
	if n := sizeFiles(t, dir); n > 2<<20+256<<10 {
		t.Errorf("%d bytes on disk", n)
	}
}

func TestManyTinyWrites(t *testing.T) {
	n := 20_000
	if *long {
		n = 1_000_000
	}
	s, _ := setup(t, Options{})
	k := newKey()
	w := create(t, s, k)
	rd := s.Follow(k, nil, task.Cursor{}, Filter{Follow: true})
	got := make(chan *transcript)
	go func() { got <- drain(t, rd, mark{}) }()
	for i := range n {
		w.Write(task.Stdout, int64(i), []byte{byte(i)}, time.Now())
	}
	sum := w.Close()
	for _, x := range []*transcript{<-got, read(t, s, k, sum.Ref, mark{}, 0)} {
		if len(x.stream[0]) != n || x.gaps != 0 {
			t.Fatalf("read %d of %d, gaps %d", len(x.stream[0]), n, x.gaps)
		}
		for i, b := range x.stream[0] {
			if b != byte(i) {
				t.Fatalf("other byte at %d", i)
			}
		}
	}
}

func TestSlowReaderGetsAGap(t *testing.T) {
	s, _ := setup(t, Options{RunCap: 1 << 20, segment: 64 << 10})
	k := newKey()
	w := create(t, s, k)
	rd := s.Follow(k, nil, task.Cursor{}, Filter{Follow: true})
	defer rd.Close()
	say(w, task.Stdout, strings.Repeat("x", 70<<10))
	if c, err := rd.Next(t.Context()); err != nil || c.Offset != 0 || len(c.Data) == 0 {
		t.Fatalf("%+v %v", c.Next, err)
	}
	for range 100 {
		say(w, task.Stdout, strings.Repeat("x", 64<<10))
	}
	end, _ := w.Offsets()
	w.Close()
	gaps, at := int64(0), int64(32<<10)
	for {
		c, err := rd.Next(context.Background())
		if err != nil {
			break
		}
		gaps += c.Gap
		at += c.Gap + int64(len(c.Data))
	}
	if at != end || gaps == 0 {
		t.Errorf("read to %d of %d, gaps %d", at, end, gaps)
	}
}
