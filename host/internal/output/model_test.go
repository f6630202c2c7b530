package output

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/soltihq/solti-host/host/task"
)

// A modelRun is what a run should hold: every byte of each stream, and which were never kept.
type modelRun struct {
	key     Key
	w       *Writer
	sum     Summary
	data    [2][]byte
	lost    [2][]bool
	told    mark // up to here files tell of it, whatever happens to the host
	noted   bool // the writer has written a gap on its own, and waits before it does so again
	swept   bool // its output may be gone
	ended   bool
	readers []*modelReader
}

// A modelReader is a follower that is held over the whole history, also over restarts.
type modelReader struct {
	rd *Reader
	at mark
	f  Filter
}

// A world is a store with its model.
type world struct {
	t      *rapid.T
	dir    string
	opt    Options
	s      *Store
	broken bool // the disk takes no writes
	runs   []*modelRun
}

func (w *world) start(keys []Key) {
	o := w.opt
	o.Open = keys
	s, err := Open(w.dir, o)
	if err != nil {
		w.t.Fatal(err)
	}
	w.s = s
	if s.disk != nil {
		s.disk.write = func(f *os.File, b []byte, off int64) (int, error) {
			if w.broken {
				n, _ := f.WriteAt(b[:len(b)/2], off)
				return n, syscall.ENOSPC
			}
			return f.WriteAt(b, off)
		}
	}
}

func (w *world) create(t *rapid.T) {
	if len(w.runs) >= 6 {
		t.Skip("enough runs")
	}
	r := &modelRun{key: newKey()}
	wr, err := w.s.Create(r.key, "model")
	if err != nil {
		t.Fatal(err)
	}
	r.w = wr
	w.runs = append(w.runs, r)
}

func (w *world) pick(t *rapid.T, live bool) *modelRun {
	var some []*modelRun
	for _, r := range w.runs {
		if !live || !r.ended {
			some = append(some, r)
		}
	}
	if len(some) == 0 {
		t.Skip("no run")
	}
	return some[rapid.IntRange(0, len(some)-1).Draw(t, "run")]
}

func stream(t *rapid.T) task.Stream { return task.Stream(rapid.IntRange(1, 2).Draw(t, "stream")) }

func (w *world) write(t *rapid.T) {
	r, s := w.pick(t, true), stream(t)
	n := rapid.OneOf(rapid.IntRange(1, 8), rapid.IntRange(9, 300), rapid.Just(maxData+5)).Draw(t, "n")
	data := make([]byte, n)
	for i := range data {
		data[i] = byte(len(r.data[s-1]) + i*7)
	}
	back := rapid.IntRange(0, min(3, len(r.data[s-1]))).Draw(t, "repeated")
	end := len(r.data[s-1])
	before := w.s.written()
	r.w.Write(s, int64(end-back), append(bytes.Clone(r.data[s-1][end-back:]), data...), time.Now())
	if w.s.written()-before != int64(n) && !w.broken {
		t.Fatalf("wrote %d of %d bytes", w.s.written()-before, n)
	}
	for range data {
		r.lost[s-1] = append(r.lost[s-1], w.broken && w.s.disk != nil)
	}
	r.data[s-1] = append(r.data[s-1], data...)
	r.tell(w)
}

// tell says that all of a run is in files, if the disk takes it.
func (r *modelRun) tell(w *world) {
	if !w.broken {
		r.told = r.ends()
	}
}

// written returns what the observer counted.
func (s *Store) written() int64 { return s.obs.(*counter).written.Load() }

func (w *world) gap(t *rapid.T) {
	r, s := w.pick(t, true), stream(t)
	n := rapid.IntRange(1, 200).Draw(t, "n")
	if rapid.Bool().Draw(t, "implied") {
		// The next byte comes after it.
		w.lose(r, s, n)
		r.data[s-1] = append(r.data[s-1], 'x')
		r.lost[s-1] = append(r.lost[s-1], w.broken && w.s.disk != nil)
		r.w.Write(s, int64(len(r.data[s-1])-1), []byte("x"), time.Time{})
		r.tell(w)
		return
	}
	why := rapid.SampledFrom([]string{"because", "therefore"}).Draw(t, "why")
	r.w.Gap(s, int64(len(r.data[s-1])), int64(n), why, time.Now())
	w.lose(r, s, n)
	if !r.noted {
		r.tell(w)
	}
	r.noted = true
}

func (w *world) lose(r *modelRun, s task.Stream, n int) {
	r.data[s-1] = append(r.data[s-1], make([]byte, n)...)
	for range n {
		r.lost[s-1] = append(r.lost[s-1], true)
	}
}

func (w *world) end(t *rapid.T) {
	r := w.pick(t, true)
	r.sum, r.ended = r.w.Close(), true
	if len(r.sum.Ref) > 200 {
		t.Fatalf("reference of %d bytes", len(r.sum.Ref))
	}
}

// restart reopens the directory as after a kill: nothing was closed.
func (w *world) restart(t *rapid.T) {
	if w.dir == "" {
		t.Skip("in memory")
	}
	var keys []Key
	given := rapid.Bool().Draw(t, "open runs are given")
	for _, r := range w.runs {
		for _, m := range r.readers {
			m.rd.Close()
		}
		if !r.ended && given {
			keys = append(keys, r.key)
		}
	}
	w.s.Close()
	w.start(keys)
	for _, r := range w.runs {
		if !r.ended {
			w.resume(t, r, given)
		}
		for _, m := range r.readers {
			m.rd = w.s.Follow(r.key, r.sum.Ref, task.Cursor{Stdout: m.at[0], Stderr: m.at[1]}, m.f)
		}
	}
}

// resume goes on with a run, or recovers it, after a restart. Gaps that came too fast to be written, or
// that the disk did not take, are forgotten; nothing else is.
func (w *world) resume(t *rapid.T, r *modelRun, given bool) {
	var ends mark
	if given && rapid.Bool().Draw(t, "goes on") {
		wr, err := w.s.Create(r.key, "model")
		if err != nil {
			t.Fatal(err)
		}
		r.w = wr
		ends[0], ends[1] = wr.Offsets()
	} else {
		r.sum, r.ended = w.s.Recover(r.key), true
		ends = mark{r.sum.Stdout, r.sum.Stderr}
	}
	for i := range ends {
		for j := int(ends[i]); j < len(r.data[i]); j++ {
			if !r.lost[i][j] {
				t.Fatalf("byte %d of stream %d of %v is not there after a restart: it ends at %d", j, i+1, r.key, ends[i])
			}
		}
		if int(ends[i]) > len(r.data[i]) {
			t.Fatalf("stream %d ends at %d, wrote %d", i+1, ends[i], len(r.data[i]))
		}
		r.data[i], r.lost[i] = r.data[i][:ends[i]], r.lost[i][:ends[i]]
	}
	if !ends.covers(r.told, 0) {
		t.Fatalf("%v ends at %v after a restart, files told of %v", r.key, ends, r.told)
	}
	r.noted = false
}

func (w *world) sweep(t *rapid.T) {
	if err := w.s.Sweep(time.Now().Add(time.Hour), time.Minute); err != nil && !w.broken {
		t.Fatal(err)
	}
	for _, r := range w.runs {
		r.swept = r.swept || r.ended
	}
}

func (w *world) follow(t *rapid.T) {
	r := w.pick(t, false)
	if len(r.readers) > 4 {
		t.Skip("enough readers")
	}
	m := &modelReader{at: w.cursor(t, r), f: Filter{Stream: task.Stream(rapid.IntRange(0, 2).Draw(t, "only")), Follow: true}}
	m.rd = w.s.Follow(r.key, r.sum.Ref, task.Cursor{Stdout: m.at[0], Stderr: m.at[1]}, m.f)
	r.readers = append(r.readers, m)
}

func (w *world) unfollow(t *rapid.T) {
	r := w.pick(t, false)
	if len(r.readers) == 0 {
		t.Skip("no reader")
	}
	r.readers[0].rd.Close()
	r.readers = r.readers[1:]
}

func (w *world) cursor(t *rapid.T, r *modelRun) mark {
	return mark{
		int64(rapid.IntRange(0, len(r.data[0])+20).Draw(t, "stdout")),
		int64(rapid.IntRange(0, len(r.data[1])+20).Draw(t, "stderr")),
	}
}

// catchUp lets a follower read what there is, or a part of it.
func (w *world) catchUp(t *rapid.T) {
	r := w.pick(t, false)
	if len(r.readers) == 0 {
		t.Skip("no reader")
	}
	m := r.readers[rapid.IntRange(0, len(r.readers)-1).Draw(t, "reader")]
	for range rapid.IntRange(1, 100).Draw(t, "chunks") {
		if m.at.covers(r.ends(), m.f.Stream) {
			if !r.ended {
				return
			}
			if _, err := m.rd.Next(context.Background()); !errors.Is(err, io.EOF) {
				t.Fatalf("at the end: %v", err)
			}
			return
		}
		c, err := m.rd.Next(context.Background())
		if err != nil {
			t.Fatalf("at %v of %v: %v", m.at, r.ends(), err)
		}
		m.at = w.check(t, r, m.at, m.f.Stream, c)
	}
}

func (r *modelRun) ends() mark { return mark{int64(len(r.data[0])), int64(len(r.data[1]))} }

// check compares a chunk with the model and returns the cursor after it.
func (w *world) check(t *rapid.T, r *modelRun, at mark, only task.Stream, c task.Chunk) mark {
	i := c.Stream - 1
	if only != 0 && c.Stream != only {
		t.Fatalf("chunk of %v, want only %v", c.Stream, only)
	}
	if c.Offset != at[i] {
		t.Fatalf("chunk of %v at %d, want %d", c.Stream, c.Offset, at[i])
	}
	end := c.Offset + int64(len(c.Data)) + c.Gap
	if end > int64(len(r.data[i])) || end == c.Offset {
		t.Fatalf("chunk of %v from %d to %d, the stream ends at %d", c.Stream, c.Offset, end, len(r.data[i]))
	}
	if len(c.Data) > 0 && !bytes.Equal(c.Data, r.data[i][c.Offset:end]) {
		t.Fatalf("other bytes of %v at %d", c.Stream, c.Offset)
	}
	for j := c.Offset; j < end; j++ {
		if len(c.Data) > 0 && r.lost[i][j] {
			t.Fatalf("byte %d of %v was lost and is there", j, c.Stream)
		}
		if c.Gap > 0 && c.Why != whyRotated && !r.lost[i][j] && !r.swept {
			t.Fatalf("byte %d of %v is in a gap (%s)", j, c.Stream, c.Why)
		}
	}
	at[i] = end
	if want := (task.Cursor{Attempt: r.key.Attempt, Stdout: at[0], Stderr: at[1]}); c.Next != want {
		t.Fatalf("next %+v, want %+v", c.Next, want)
	}
	return at
}

// invariant reads every run from the start and from some cursor, and compares the sums.
func (w *world) invariant(t *rapid.T) {
	if wrong := w.s.blocks.check(); wrong != "" {
		t.Fatal(wrong)
	}
	for _, r := range w.runs {
		kept := w.readAll(t, r, mark{}, 0)
		r.w.mu.Lock()
		dropped := r.w.r.tally.dropped()
		ring := w.dir != "" && r.w.r.ring != nil // it may still hold what has left the files
		r.w.mu.Unlock()
		if r.ended {
			dropped = r.sum.Dropped
		}
		if produced := r.ends().sum(); kept+dropped != produced && !r.swept && !(ring && kept+dropped > produced) {
			t.Fatalf("%v: kept %d and dropped %d of %d", r.key, kept, dropped, produced)
		}
		w.readAll(t, r, w.cursor(t, r), task.Stream(rapid.IntRange(0, 2).Draw(t, "only")))
	}
}

func (w *world) readAll(t *rapid.T, r *modelRun, at mark, only task.Stream) (kept int64) {
	rd := w.s.Follow(r.key, r.sum.Ref, task.Cursor{Stdout: at[0], Stderr: at[1]}, Filter{Stream: only})
	defer rd.Close()
	for {
		c, err := rd.Next(context.Background())
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		at = w.check(t, r, at, only, c)
		kept += int64(len(c.Data))
	}
	if !at.covers(r.ends(), only) {
		t.Fatalf("ended at %v, want %v", at, r.ends())
	}
	return kept
}

func checkModel(t *testing.T, inMemory bool) {
	base, cases := t.TempDir(), 0
	rapid.Check(t, func(t *rapid.T) {
		w := &world{t: t, opt: Options{
			Small: 400, segment: 700, sharedSegment: 1200, RunCap: 3000,
			block: int64(rapid.SampledFrom([]int{1, 200, blockSize}).Draw(t, "block")),
			Ring:  int64(rapid.SampledFrom([]int{900, 2000, 40000}).Draw(t, "ring")), Observer: new(counter),
		}}
		if !inMemory {
			cases++
			w.dir = filepath.Join(base, strconv.Itoa(cases))
			defer os.RemoveAll(w.dir)
		}
		w.start(nil)
		defer func() {
			for _, r := range w.runs {
				for _, m := range r.readers {
					m.rd.Close()
				}
			}
			if n := w.s.opt.Observer.(*counter).followers.Load(); n != 0 {
				t.Fatalf("%d followers left", n)
			}
			if n := len(w.s.blocks.runs); n != 0 || w.s.blocks.used != 0 {
				t.Fatalf("%d bytes of blocks of %d runs left", w.s.blocks.used, n)
			}
			if w.dir != "" && !w.broken {
				w.accounts(t)
			}
			w.s.Close()
		}()
		w.create(t)
		t.Repeat(map[string]func(*rapid.T){
			"":          w.invariant,
			"create":    w.create,
			"write":     w.write,
			"write2":    w.write,
			"write3":    w.write,
			"gap":       w.gap,
			"end":       w.end,
			"restart":   w.restart,
			"sweep":     w.sweep,
			"follow":    w.follow,
			"unfollow":  w.unfollow,
			"catchUp":   w.catchUp,
			"catchUp2":  w.catchUp,
			"breakDisk": func(t *rapid.T) { w.broken = !w.broken },
		})
	})
}

// accounts compares the counted size of the spool with the files.
func (w *world) accounts(t *rapid.T) {
	w.s.walk.Wait()
	var n int64
	entries := []string{"."}
	for len(entries) > 0 {
		name := entries[0]
		entries = entries[1:]
		list, err := w.s.disk.list(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range list {
			if e.IsDir() {
				entries = append(entries, name+"/"+e.Name())
				continue
			}
			info, err := e.Info()
			if err != nil {
				t.Fatal(err)
			}
			n += info.Size()
		}
	}
	if got := w.s.spool.Load(); got != n {
		t.Fatal(fmt.Sprintf("counted %d bytes of files, there are %d", got, n))
	}
}

func TestModelOnDisk(t *testing.T)   { checkModel(t, false) }
func TestModelInMemory(t *testing.T) { checkModel(t, true) }
