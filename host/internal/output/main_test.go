package output

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"io"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/soltihq/solti-host/host/task"
)

var long = flag.Bool("long", false, "run the long forms of the tests")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// setup opens a store in a directory of its own and closes it with the test.
func setup(t testing.TB, o Options) (*Store, string) {
	t.Helper()
	dir := t.TempDir()
	return reopen(t, dir, o), dir
}

func reopen(t testing.TB, dir string, o Options) *Store {
	t.Helper()
	s, err := Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func newKey() Key { return Key{UID: task.NewUID(time.Now()), Attempt: 1} }

func create(t testing.TB, s *Store, k Key) *Writer {
	t.Helper()
	w, err := s.Create(k, "test-slot-1")
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// say writes at the end of a stream.
func say(w *Writer, stream task.Stream, data string) {
	stdout, stderr := w.Offsets()
	at := stdout
	if stream == task.Stderr {
		at = stderr
	}
	w.Write(stream, at, []byte(data), time.Now())
}

// A transcript is what a reader got: per stream the bytes, with missing ones as '?', and the chunks.
type transcript struct {
	stream [2][]byte
	known  [2][]bool
	gaps   int64
	whys   map[string]int64
	chunks []task.Chunk
	start  mark
}

// take checks that c goes on where the last chunk ended, and adds it.
func (x *transcript) take(t testing.TB, c task.Chunk) {
	i := c.Stream - 1
	if want := x.start[i] + int64(len(x.stream[i])); c.Offset != want {
		t.Fatalf("%v chunk at offset %d, want %d", c.Stream, c.Offset, want)
	}
	if len(c.Data) > maxData || (len(c.Data) == 0) == (c.Gap == 0) {
		t.Fatalf("chunk with %d bytes and a gap of %d", len(c.Data), c.Gap)
	}
	if c.Gap > 0 {
		x.stream[i] = append(x.stream[i], bytes.Repeat([]byte("?"), int(c.Gap))...)
		x.known[i] = append(x.known[i], make([]bool, c.Gap)...)
		x.gaps += c.Gap
		if x.whys == nil {
			x.whys = make(map[string]int64)
		}
		x.whys[c.Why] += c.Gap
	} else {
		x.stream[i] = append(x.stream[i], c.Data...)
		for range c.Data {
			x.known[i] = append(x.known[i], true)
		}
	}
	if got := [2]int64{c.Next.Stdout, c.Next.Stderr}; got[i] != c.Offset+int64(len(c.Data))+c.Gap {
		t.Fatalf("next cursor %v after a chunk of %v at %d", got, c.Stream, c.Offset)
	}
	x.chunks = append(x.chunks, c)
}

// drain reads to the end.
func drain(t testing.TB, rd *Reader, from mark) *transcript {
	t.Helper()
	defer rd.Close()
	x := &transcript{start: from}
	for {
		c, err := rd.Next(context.Background())
		if errors.Is(err, io.EOF) {
			return x
		}
		if err != nil {
			t.Fatal(err)
		}
		x.take(t, c)
	}
}

// read reads what is there from a cursor on.
func read(t testing.TB, s *Store, k Key, ref []byte, from mark, stream task.Stream) *transcript {
	t.Helper()
	rd := s.Follow(k, ref, task.Cursor{Stdout: from[0], Stderr: from[1]}, Filter{Stream: stream})
	return drain(t, rd, from)
}
