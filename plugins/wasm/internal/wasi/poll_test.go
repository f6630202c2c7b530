package wasi

import (
	"slices"
	"testing"
	"time"
)

func TestPollTellsWhatIsReady(t *testing.T) {
	read, w := pipe(t)
	b := setup(t, Options{Stdin: read})
	hour := int64(time.Hour)

	got := b.poll(onFile(1, eventFdRead, 0), onClock(2, clockMonotonic, 5e6, 0), onClock(3, clockMonotonic, hour, 0))
	if want := []event{{userdata: 2}}; !slices.Equal(got, want) {
		t.Errorf("events %+v, want the short clock alone", got)
	}
	if _, err := w.WriteString("abc"); err != nil {
		t.Fatal(err)
	}
	got = b.poll(onFile(1, eventFdRead, 0), onClock(2, clockMonotonic, hour, 0))
	if want := []event{{userdata: 1, kind: eventFdRead, bytes: 3}}; !slices.Equal(got, want) {
		t.Errorf("events %+v, want %+v", got, want)
	}
	got = b.poll(onFile(1, eventFdWrite, 1), onFile(2, eventFdWrite, 2), onClock(3, clockMonotonic, hour, 0))
	if len(got) != 2 || got[0].kind != eventFdWrite || got[0].errno != success {
		t.Errorf("events %+v, want both outputs", got)
	}
	got = b.poll(onFile(1, eventFdRead, 77), onFile(2, eventFdRead, 1), onClock(3, 9, 0, 0))
	if want := []event{{1, eBadf, 1, 0, 0}, {2, eBadf, 1, 0, 0}, {3, eInval, 0, 0, 0}}; !slices.Equal(got, want) {
		t.Errorf("events %+v, want %+v", got, want)
	}
	w.Close()
	buf, n := b.vector(16)
	b.want(success, "fd_read", 0, buf, n, 300)
	got = b.poll(onFile(1, eventFdRead, 0))
	if want := []event{{1, success, eventFdRead, 0, eventHangup}}; !slices.Equal(got, want) {
		t.Errorf("events %+v, want %+v", got, want)
	}
}

func TestPollFiles(t *testing.T) {
	b := setup(t, Options{})
	fd := b.open("file", openCreate, fileRights)
	b.put(1024, "hello")
	buf, n := b.vector(5)
	b.want(success, "fd_write", fd, buf, n, 300)
	b.want(success, "fd_seek", fd, 2, 0, 304)
	got := b.poll(onFile(1, eventFdRead, uint32(fd)), onFile(2, eventFdWrite, uint32(fd)))
	if len(got) != 2 || got[0].bytes != 3 {
		t.Errorf("events %+v, want 3 bytes to read", got)
	}
}

func TestDeadlines(t *testing.T) {
	b := setup(t, Options{})
	for _, clock := range []uint32{clockRealtime, clockMonotonic} {
		for _, wait := range []int64{0, 2e6, 20e6} {
			begin := time.Now()
			if got := b.poll(onClock(1, clock, b.clock.now(uint64(clock))+wait, clockAbsolute)); len(got) != 1 {
				t.Errorf("events %+v", got)
			}
			if took := time.Since(begin); took < time.Duration(wait)-2*time.Microsecond || took > 10*time.Second {
				t.Errorf("waited %v, want %v", took, time.Duration(wait))
			}
		}
		b.poll(onClock(1, clock, 1, clockAbsolute)) // long ago
	}
}

func TestCoarseClock(t *testing.T) {
	b := setup(t, Options{Clock: ClockCoarse})
	before := b.clock.now(clockMonotonic)
	b.poll(onClock(1, clockMonotonic, 3e6, 0))
	if after := b.clock.now(clockMonotonic); after-before < 3e6 || after%1e6 != 0 {
		t.Errorf("from %d to %d", before, after)
	}
}

func TestNoClock(t *testing.T) {
	b := setup(t, Options{Clock: ClockNone})
	begin := time.Now()
	read := func(id uint64) uint64 {
		b.want(success, "clock_time_get", id, 0, 304)
		v, _ := b.mem.ReadUint64Le(304)
		return v
	}
	first := read(clockRealtime)
	if first != uint64(noneBegin) {
		t.Errorf("begins at %d", first)
	}
	b.poll(onClock(1, clockMonotonic, int64(24*time.Hour), 0))
	if got := read(clockRealtime) - first; got != uint64(24*time.Hour+time.Millisecond) {
		t.Errorf("went on by %v", time.Duration(got))
	}
	if time.Since(begin) > time.Minute {
		t.Error("a day of sleep took time")
	}
}

func TestPollRefuses(t *testing.T) {
	b := setup(t, Options{})
	b.want(eInval, "poll_oneoff", 0, 0, 0, 300)
	b.want(eInval, "poll_oneoff", 0, 0, 1<<32-1, 300)
	b.want(eInval, "poll_oneoff", 0, 0, 1<<32/48+1, 300)
	b.want(eFault, "poll_oneoff", 65536-40, 0, 1, 300)
	bad := onClock(1, 0, 0, 0)
	bad[8] = 9
	b.mem.Write(4096, bad)
	b.want(eInval, "poll_oneoff", 4096, 16384, 1, 300)
}
