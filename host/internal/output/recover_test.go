package output

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/soltihq/solti-host/host/task"
)

// A file of a live or ended run is cut, or bytes of it change: what is delivered is right, and the
// rest is a gap.
func TestDamagedFiles(t *testing.T) {
	base, cases := t.TempDir(), 0
	rapid.Check(t, func(t *rapid.T) {
		cases++
		dir := filepath.Join(base, strconv.Itoa(cases))
		defer os.RemoveAll(dir)
		o := Options{Small: 300, segment: 600, sharedSegment: 900}
		s, err := Open(dir, o)
		if err != nil {
			t.Fatal(err)
		}
		k := newKey()
		w, _ := s.Create(k, "damaged")
		var want [2][]byte
		for i := range rapid.IntRange(1, 25).Draw(t, "writes") {
			st := 1 + i%2
			data := bytes.Repeat([]byte{byte('a' + i)}, rapid.IntRange(1, 80).Draw(t, "n"))
			w.Write(task.Stream(st), int64(len(want[st-1])), data, time.Now())
			want[st-1] = append(want[st-1], data...)
		}
		var ref []byte
		ended := rapid.Bool().Draw(t, "ended")
		if ended {
			ref = w.Close().Ref
		}
		s.Close()
		damage(t, dir)

		o.Open = []Key{k}
		if ended {
			o.Open = nil
		}
		if s, err = Open(dir, o); err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		sum := Summary{Ref: ref, Stdout: int64(len(want[0])), Stderr: int64(len(want[1]))}
		if !ended {
			sum = s.Recover(k)
			if again := s.Recover(k); fmt.Sprint(again) != fmt.Sprint(sum) {
				t.Fatalf("recovered again: %+v, first %+v", again, sum)
			}
		}
		rd := s.Follow(k, sum.Ref, task.Cursor{}, Filter{Follow: true})
		defer rd.Close()
		var at mark
		for {
			c, err := rd.Next(t.Context())
			if err != nil {
				break
			}
			i := c.Stream - 1
			if c.Offset != at[i] {
				t.Fatalf("chunk at %d, want %d", c.Offset, at[i])
			}
			if !bytes.HasPrefix(want[i][c.Offset:], c.Data) {
				t.Fatalf("other bytes at %d", c.Offset)
			}
			at[i] += int64(len(c.Data)) + c.Gap
		}
		if at != (mark{sum.Stdout, sum.Stderr}) {
			t.Fatalf("ended at %v, want %+v", at, sum)
		}
	})
}

func damage(t *rapid.T, dir string) {
	files, err := filepath.Glob(filepath.Join(dir, "*", "*.seg"))
	if err != nil {
		t.Fatal(err)
	}
	own, _ := filepath.Glob(filepath.Join(dir, "*", "*", "*.seg"))
	files = append(files, own...)
	name := rapid.SampledFrom(files).Draw(t, "file")
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	at := rapid.IntRange(0, len(b)-1).Draw(t, "at")
	switch rapid.IntRange(0, 2).Draw(t, "damage") {
	case 0:
		b = b[:at]
	case 1:
		b[at] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
	case 2:
		os.Remove(name)
		return
	}
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestTornTailIsCutAndWritingGoesOn(t *testing.T) {
	for _, large := range []bool{false, true} {
		t.Run(fmt.Sprint("own directory ", large), func(t *testing.T) {
			s, dir := setup(t, Options{})
			k := newKey()
			w := create(t, s, k)
			if large {
				say(w, task.Stdout, strings.Repeat("x", 100<<10))
			}
			base, _ := w.Offsets()
			say(w, task.Stdout, "first ")
			say(w, task.Stdout, "second")
			s.Close()
			names, _ := filepath.Glob(filepath.Join(dir, "*", "*.seg"))
			if large {
				names, _ = filepath.Glob(filepath.Join(dir, "*", "*", "*.seg"))
			}
			if len(names) != 1 {
				t.Fatalf("files %v", names)
			}
			info, err := os.Stat(names[0])
			if err != nil {
				t.Fatal(err)
			}
			if err := os.Truncate(names[0], info.Size()-3); err != nil {
				t.Fatal(err)
			}

			s = reopen(t, dir, Options{Open: []Key{k}})
			w = create(t, s, k)
			if end, _ := w.Offsets(); end != base+6 {
				t.Fatalf("goes on at %d, want %d", end, base+6)
			}
			w.Write(task.Stdout, base+12, []byte(" third"), time.Now())
			sum := w.Close()
			x := read(t, s, k, sum.Ref, mark{base, 0}, 0)
			if got, want := string(x.stream[0]), "first ?????? third"; got != want {
				t.Errorf("got %q, want %q", got, want)
			}
			if sum.Dropped != 6 {
				t.Errorf("summary %+v", sum)
			}
		})
	}
}

// A run that wrote long ago, and lives on while others fill segment after segment, is found from
// the newest segment alone.
func TestQuietRunIsFoundAfterManySegments(t *testing.T) {
	o := Options{sharedSegment: 4 << 10}
	s, dir := setup(t, o)
	quiet := make([]Key, 300)
	for i := range quiet {
		quiet[i] = newKey()
		say(create(t, s, quiet[i]), task.Stdout, fmt.Sprint("quiet ", i))
	}
	for range 200 {
		w := create(t, s, newKey())
		say(w, task.Stdout, strings.Repeat("noise", 100))
		w.Close()
	}
	if n := len(s.shared.segs); n < 5 {
		t.Fatalf("%d segments", n)
	}
	s.Close()
	o.Open = quiet
	s = reopen(t, dir, o)
	found := make(map[Key][]position)
	all := func(Key) bool { return true }
	if ok, err := s.searchSegment(s.old[len(s.old)-1], all, found); !ok || err != nil || len(found) < len(quiet) {
		t.Errorf("the newest segment tells of %d runs, %v %v", len(found), ok, err)
	}
	for i, k := range quiet {
		sum := s.Recover(k)
		if x := read(t, s, k, sum.Ref, mark{}, 0); string(x.stream[0]) != fmt.Sprint("quiet ", i) {
			t.Fatalf("run %d: %q", i, x.stream[0])
		}
	}
}

func TestUnfinishedPromotionIsIgnored(t *testing.T) {
	s, dir := setup(t, Options{})
	k := newKey()
	say(create(t, s, k), task.Stdout, "small")
	s.Close()
	own := filepath.Join(dir, k.UID.String(), "1")
	if err := os.MkdirAll(own, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(own, "new"), []byte("half a file"), 0o600); err != nil {
		t.Fatal(err)
	}
	s = reopen(t, dir, Options{Open: []Key{k}})
	w := create(t, s, k)
	say(w, task.Stdout, strings.Repeat("large", 20000))
	sum := w.Close()
	if x := read(t, s, k, sum.Ref, mark{}, 0); !strings.HasPrefix(string(x.stream[0]), "smalllarge") || x.gaps != 0 {
		t.Errorf("got %.20q and gaps of %d", x.stream[0], x.gaps)
	}
}

// A follower that came before the host knew the run gets what the run wrote before the crash.
func TestRecoverReachesFollowers(t *testing.T) {
	for _, size := range []int{0, 10, 100 << 10} {
		s, dir := setup(t, Options{})
		k := newKey()
		if w := create(t, s, k); size > 0 {
			say(w, task.Stderr, strings.Repeat("x", size))
		}
		s.Close()
		s = reopen(t, dir, Options{}) // the run is not among those given
		rd := s.Follow(k, nil, task.Cursor{}, Filter{Follow: true})
		got := make(chan *transcript)
		go func() { got <- drain(t, rd, mark{}) }()
		sum := s.Recover(k)
		if sum.Stderr != int64(size) || sum.Dropped != 0 {
			t.Errorf("summary %+v", sum)
		}
		if x := <-got; len(x.stream[1]) != size || x.gaps != 0 {
			t.Errorf("the follower got %d bytes", len(x.stream[1]))
		}
		s.walk.Wait()
		if n := sizeFiles(t, dir); n != s.spool.Load() {
			t.Errorf("%d bytes on disk, counted %d", n, s.spool.Load())
		}
	}
	s := reopen(t, "", Options{})
	if sum := s.Recover(newKey()); sum.Stdout != 0 || len(sum.Ref) == 0 {
		t.Errorf("in memory: %+v", sum)
	}
}

// A host that is killed after its source lost something has told of it, also if nothing came after it.
func TestAGapIsToldAfterAKill(t *testing.T) {
	for _, before := range []int{0, 100, 100 << 10} {
		t.Run(fmt.Sprint(before), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, dir := setup(t, Options{})
				k := newKey()
				w := create(t, s, k)
				if before > 0 {
					say(w, task.Stdout, strings.Repeat("x", before))
				}
				const why = "the runner was slow"
				w.Gap(task.Stdout, int64(before), 70, why, time.Now())
				afterKill(t, dir, k, why, Summary{Stdout: int64(before) + 70, Dropped: 70})
				w.Gap(task.Stderr, 0, 30, why, time.Now())
				time.Sleep(noteEvery) // of the bubble's own time
				synctest.Wait()
				afterKill(t, dir, k, why, Summary{Stdout: int64(before) + 70, Stderr: 30, Dropped: 100})
			})
		})
	}
}

// afterKill compares what a host finds of a run whose host closed nothing.
func afterKill(t *testing.T, dir string, k Key, why string, want Summary) {
	t.Helper()
	s, err := Open(dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	sum := s.Recover(k)
	if sum.Stdout != want.Stdout || sum.Stderr != want.Stderr || sum.Dropped != want.Dropped {
		t.Errorf("recovered %+v, want %+v", sum, want)
	}
	if x := read(t, s, k, sum.Ref, mark{}, 0); x.whys[why] == 0 || x.gaps != want.Dropped {
		t.Errorf("gaps %v, want %d", x.whys, want.Dropped)
	}
}
