package sdk

import (
	"bytes"
	"errors"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/go-hclog"
	"pgregory.net/rapid"

	pluginv1 "github.com/soltihq/solti-host/shared/proto/solti/plugin/v1"
)

const (
	stdout = pluginv1.Stream_STREAM_STDOUT
	stderr = pluginv1.Stream_STREAM_STDERR
)

func newQueue() *queue {
	q := new(queue)
	q.init()
	return q
}

// A collector is the far end of a sender.
type collector struct {
	mu       sync.Mutex
	frames   []*pluginv1.Frame // guarded by mu
	messages int               // guarded by mu
}

// count returns the number of messages, and the last frame.
func (c *collector) count() (int, *pluginv1.Frame) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.messages, c.frames[len(c.frames)-1]
}

func (c *collector) send(m *pluginv1.RunTaskResponse) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.messages++
	for _, f := range m.Frames {
		if o := f.GetOutput(); o != nil { // the memory is the sender's
			o.Data = bytes.Clone(o.Data)
		}
		c.frames = append(c.frames, f)
	}
	return nil
}

// TestQueueKeepsOrder compares what arrives with what was written, for any mix of writes, events and
// sends.
func TestQueueKeepsOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		q := newQueue()
		var c collector
		s := &sender{queue: q, send: c.send}
		defer s.batch.free()
		var wrote [2]bytes.Buffer
		events := 0
		for range rapid.IntRange(0, 40).Draw(t, "steps") {
			switch rapid.IntRange(0, 4).Draw(t, "step") {
			case 0, 1:
				stream := rapid.SampledFrom([]pluginv1.Stream{stdout, stderr}).Draw(t, "stream")
				p := bytes.Repeat([]byte{byte(events) + 1}, rapid.SampledFrom([]int{0, 1, 100, MaxChunk, MaxChunk + 1, 60000}).Draw(t, "n"))
				if q.weight+len(p) >= maxPending {
					continue // would wait for a sender
				}
				if n, err := q.write(stream, p); n != len(p) || err != nil {
					t.Fatalf("write: %d, %v", n, err)
				}
				wrote[stream-stdout].Write(p)
			case 2:
				events++
				q.event(&pluginv1.Frame{Body: &pluginv1.Frame_Event{Event: &pluginv1.Event{}}}, itemCost)
			case 3:
				stream := rapid.SampledFrom([]pluginv1.Stream{stdout, stderr}).Draw(t, "stream")
				n := rapid.IntRange(1, 1000).Draw(t, "lost")
				q.gap(stream, uint64(n), rapid.SampledFrom([]string{"a", "b"}).Draw(t, "reason"))
				wrote[stream-stdout].Write(make([]byte, n))
			case 4:
				if last, err := s.flush(); last || err != nil {
					t.Fatalf("flush: %v, %v", last, err)
				}
			}
		}
		q.finish(&pluginv1.Exited{}, true)
		if last, err := s.flush(); !last || err != nil {
			t.Fatalf("last flush: %v, %v", last, err)
		}
		checkFrames(t, c.frames, wrote, events)
	})
}

func checkFrames(t *rapid.T, frames []*pluginv1.Frame, wrote [2]bytes.Buffer, events int) {
	var got [2]bytes.Buffer
	started := 0
	for i, f := range frames {
		if f.Seq != uint64(i+1) {
			t.Fatalf("frame %d has number %d", i+1, f.Seq)
		}
		if (f.GetExited() != nil) != (i == len(frames)-1) {
			t.Fatalf("frame %d of %d is %T", i+1, len(frames), f.Body)
		}
		switch {
		case f.GetEvent() != nil:
			events--
		case f.GetStarted() != nil:
			started++
		case started != 1:
			t.Fatalf("frame %d is %T after %d Started", i+1, f.Body, started)
		}
		if g := f.GetGap(); g != nil {
			buf := &got[g.Stream-stdout]
			if g.Offset != uint64(buf.Len()) || g.Bytes == 0 || g.Reason == "" {
				t.Fatalf("frame %d: gap at %d, want %d; %d bytes, %q", i+1, g.Offset, buf.Len(), g.Bytes, g.Reason)
			}
			buf.Write(make([]byte, g.Bytes))
		}
		if o := f.GetOutput(); o != nil {
			buf := &got[o.Stream-stdout]
			if o.Offset != uint64(buf.Len()) || len(o.Data) == 0 || len(o.Data) > MaxChunk {
				t.Fatalf("frame %d: offset %d, want %d; %d bytes", i+1, o.Offset, buf.Len(), len(o.Data))
			}
			buf.Write(o.Data)
		}
	}
	x := frames[len(frames)-1].GetExited()
	for i := range got {
		if !bytes.Equal(got[i].Bytes(), wrote[i].Bytes()) {
			t.Fatalf("stream %d differs", i)
		}
	}
	if x.StdoutBytes != uint64(wrote[0].Len()) || x.StderrBytes != uint64(wrote[1].Len()) || events != 0 {
		t.Fatalf("totals %v, %d events missing", x, events)
	}
}

func TestWriterWaitsForRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue()
		done := make(chan int, 1)
		go func() {
			n, _ := q.write(stdout, make([]byte, 3*maxPending))
			done <- n
		}()
		var c collector
		s := &sender{queue: q, send: c.send}
		defer s.batch.free()
		for range 3 {
			synctest.Wait()
			select {
			case n := <-done:
				t.Fatalf("write of %d bytes has returned with %d waiting", n, q.weight)
			default:
			}
			if len(q.batch.data) > maxPending {
				t.Fatalf("%d bytes wait", len(q.batch.data))
			}
			if _, err := s.flush(); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		if _, err := s.flush(); err != nil {
			t.Fatal(err)
		}
		if n := <-done; n != 3*maxPending {
			t.Errorf("wrote %d bytes", n)
		}
	})
}

func TestManyEventsWaitToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue()
		go func() {
			for range 2 * maxItems {
				q.event(&pluginv1.Frame{}, 1)
			}
		}()
		synctest.Wait()
		if n := len(q.batch.items); n > maxItems {
			t.Errorf("%d frames wait, want at most %d", n, maxItems)
		}
		q.breakOff()
	})
}

func TestBrokenStreamFreesWriters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue()
		failed := make(chan error, 1)
		go func() {
			_, err := q.write(stdout, make([]byte, 2*maxPending))
			failed <- err
		}()
		synctest.Wait()
		q.breakOff()
		if err := <-failed; !errors.Is(err, ErrStreamBroken) {
			t.Errorf("got %v, want %v", err, ErrStreamBroken)
		}
		if n, err := q.write(stderr, []byte("x")); n != 0 || !errors.Is(err, ErrStreamBroken) {
			t.Errorf("got %d, %v", n, err)
		}
	})
}

func TestNothingAfterTheEnd(t *testing.T) {
	q := newQueue()
	q.finish(&pluginv1.Exited{}, false)
	q.started("late")
	q.event(&pluginv1.Frame{}, 0)
	q.finish(&pluginv1.Exited{}, true)
	if _, err := q.write(stdout, []byte("late")); !errors.Is(err, ErrOver) {
		t.Errorf("got %v, want %v", err, ErrOver)
	}
	if n := len(q.batch.items); n != 1 {
		t.Errorf("%d frames, want Exited alone", n)
	}
}

func TestHeartbeatOnlyInSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue()
		var c collector
		s := &sender{queue: q, heartbeat: 10 * time.Second, send: c.send}
		done := make(chan struct{})
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			_, _ = s.run(done)
		}()
		time.Sleep(6 * time.Second) // fake time: the sender sees silence pass
		_, _ = q.write(stdout, []byte("x"))
		time.Sleep(9 * time.Second)
		synctest.Wait()
		if n, _ := c.count(); n != 1 {
			t.Errorf("%d messages in 9 s after output, want the output alone", n)
		}
		time.Sleep(12 * time.Second)
		synctest.Wait()
		if n, last := c.count(); n != 3 || last.GetHeartbeat() == nil {
			t.Errorf("%d messages after 21 s of silence, want two heartbeats", n)
		}
		close(done)
		<-ended
	})
}

func TestGapsOfAStretchAreOne(t *testing.T) {
	q := newQueue()
	var c collector
	s := &sender{queue: q, send: c.send}
	defer s.batch.free()
	for range 10 * maxItems { // a slow host does not make the writer wait either
		q.gap(stdout, 3, "limit")
	}
	q.gap(stderr, 1, "limit")
	q.gap(stdout, math.MaxUint64, "limit")
	q.gap(stdout, 1, "limit") // there can be no more
	q.finish(&pluginv1.Exited{}, true)
	if last, err := s.flush(); !last || err != nil {
		t.Fatalf("flush: %v, %v", last, err)
	}
	var got []uint64
	for _, f := range c.frames {
		if g := f.GetGap(); g != nil {
			got = append(got, g.Bytes)
		}
	}
	if want := []uint64{30 * maxItems, 1, maxTotal - 30*maxItems}; !slices.Equal(got, want) {
		t.Errorf("gaps of %v bytes, want %v", got, want)
	}
	if x := c.frames[len(c.frames)-1].GetExited(); x.StdoutBytes != maxTotal || x.StderrBytes != 1 {
		t.Errorf("totals %v", x)
	}
}

func TestGapOfNothingIsNone(t *testing.T) {
	a := newAttempt(&pluginv1.RunTaskRequest{}, hclog.NewNullLogger())
	a.run.Gap(Stdout, 0, "none")
	a.run.Gap(Stderr, -1, "none")
	a.run.Gap(Stderr+1, 1, "none")
	if n := len(a.queue.batch.items); n != 0 {
		t.Errorf("%d frames, want none", n)
	}
	a.run.Gap(Stderr, 1, strings.Repeat("x", 2*maxReason))
	items := a.queue.batch.items
	if len(items) != 2 || items[0].frame.GetStarted() == nil {
		t.Fatalf("%d frames, want Started and a gap", len(items))
	}
	if g := items[1].frame.GetGap(); g.GetStream() != stderr || g.GetBytes() != 1 || len(g.GetReason()) != maxReason {
		t.Errorf("gap %v", g)
	}
}
