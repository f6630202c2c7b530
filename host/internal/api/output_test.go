package api

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/soltihq/solti-host/host/task"
)

// A frame is one event as a browser sees it.
type frame struct{ id, event, data string }

func (f frame) output(t testing.TB) (e task.OutputEvent) {
	t.Helper()
	if err := json.Unmarshal([]byte(f.data), &e); err != nil {
		t.Fatalf("event %s: %v", f.event, err)
	}
	return e
}

// An eventSource reads one event stream.
type eventSource struct {
	body io.ReadCloser
	r    *bufio.Reader
}

// events opens the event stream at path, after the event lastID unless that is empty.
func (b *bundle) events(t testing.TB, c *http.Client, path, lastID string) *eventSource {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://localhost"+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept", mediaEvents)
	if lastID != "" {
		req.Header.Set("Last-Event-ID", lastID)
	}
	resp, err := c.Do(req) //nolint:bodyclose // whoever asked for the eventSource closes it
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != 200 || resp.Header.Get("Content-Type") != mediaEvents {
		body, _ := io.ReadAll(resp.Body) // for the message
		t.Fatalf("%s: %d %s", path, resp.StatusCode, body)
	}
	return &eventSource{resp.Body, bufio.NewReader(resp.Body)}
}

// next returns the next event, or one named "eof".
func (s *eventSource) next(t testing.TB) frame {
	t.Helper()
	var f frame
	for {
		line, err := s.r.ReadString('\n')
		if err != nil {
			return frame{event: "eof"}
		}
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		switch name {
		case "id":
			f.id = value
		case "event":
			f.event = value
		case "data":
			f.data = value
		case "":
			if f.event != "" {
				return f
			}
		}
	}
}

// running creates the task "good" and returns its output.
func (b *bundle) running(t testing.TB) (*task.Task, *fakeOutput) {
	t.Helper()
	decoded, err := task.Decode([]byte(goodTask))
	if err != nil {
		t.Fatal(err)
	}
	created, err := b.host.Create(t.Context(), decoded, CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return created, b.host.outputs["good"]
}

const goodOutput = pathTasks + "/good/output"

func stdout(s string) task.Chunk { return task.Chunk{Stream: task.Stdout, Data: []byte(s)} }
func stderr(s string) task.Chunk { return task.Chunk{Stream: task.Stderr, Data: []byte(s)} }

func TestEventsFollowATaskOverItsAttempts(t *testing.T) {
	b := setup(t)
	created, out := b.running(t)
	src := b.events(t, b.client(t), goodOutput+"?follow=true", "")
	defer src.body.Close()
	uid := created.Metadata.UID.String()

	out.add(stdout("a\xff\n"))
	f := src.next(t)
	if e := f.output(t); f.event != "chunk" || f.id != uid+"/1/3.0" || e.Stream != "stdout" || string(e.Data) != "a\xff\n" || e.Attempt != 1 || e.Time.IsZero() {
		t.Errorf("got %+v", f)
	}
	out.add(task.Chunk{Stream: task.Stderr, Gap: 7, Why: `the "ring" is full`})
	f = src.next(t)
	if e := f.output(t); f.event != "gap" || f.id != uid+"/1/3.7" || e.Bytes != 7 || e.Reason != `the "ring" is full` || e.Stream != "stderr" {
		t.Errorf("got %+v", f)
	}
	out.add(task.Chunk{Ended: &task.Run{Attempt: 1, Phase: task.Failed}})
	f = src.next(t)
	if e := f.output(t); f.event != "ended" || f.id != uid+"/2/0.0" || e.Run == nil || e.Run.Phase != task.Failed {
		t.Errorf("got %+v", f)
	}
	out.add(stderr("b"))
	if f = src.next(t); f.id != uid+"/2/0.1" {
		t.Errorf("got %+v", f)
	}
	out.finish()
	if f = src.next(t); f.event != "done" {
		t.Errorf("got %+v, want done", f)
	}
	if f = src.next(t); f.event != "eof" {
		t.Errorf("got %+v, want the end", f)
	}
}

func TestEventDataIsWhatTheVocabularySays(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		c := task.Chunk{
			Attempt: rapid.IntRange(1, 1e6).Draw(rt, "attempt"), Stream: rapid.SampledFrom([]task.Stream{task.Stdout, task.Stderr}).Draw(rt, "stream"),
			Offset: rapid.Int64Min(0).Draw(rt, "offset"), Time: time.Unix(rapid.Int64Range(0, 4e9).Draw(rt, "s"), 5).UTC(),
			Next: task.Cursor{Attempt: 1, Stdout: rapid.Int64Min(0).Draw(rt, "o"), Stderr: rapid.Int64Min(0).Draw(rt, "e")},
		}
		if rapid.Bool().Draw(rt, "gap") {
			c.Gap, c.Why = rapid.Int64Min(1).Draw(rt, "bytes"), rapid.String().Draw(rt, "why")
		} else {
			c.Data = rapid.SliceOfN(rapid.Byte(), 1, 100).Draw(rt, "data")
		}
		b, err := (&eventEncoder{uid: "u"}).appendChunk(nil, c)
		if err != nil {
			rt.Fatal(err)
		}
		lines := strings.Split(string(b), "\n")
		if len(lines) != 5 || lines[3] != "" || lines[4] != "" {
			rt.Fatalf("got %q, want three lines and an empty one", b)
		}
		var e task.OutputEvent
		if err := json.Unmarshal([]byte(strings.TrimPrefix(lines[2], "data: ")), &e); err != nil {
			rt.Fatalf("%q: %v", b, err)
		}
		why := strings.ToValidUTF8(c.Why, "\uFFFD")
		if e.Attempt != c.Attempt || e.Stream != c.Stream.String() || e.Offset != c.Offset || !e.Time.Equal(c.Time) ||
			string(e.Data) != string(c.Data) || e.Bytes != c.Gap || e.Reason != why {
			rt.Fatalf("got %+v, want %+v", e, c)
		}
		_, next, ok := parseEventID("/" + strings.TrimPrefix(lines[0], "id: u/"))
		if !ok || next != c.Next {
			rt.Fatalf("id %q: %v, want %v", lines[0], next, c.Next)
		}
	})
}

// A reader that connects anew as often as it likes gets what one that never does gets.
func TestEventsResumeWithoutLossOrRepeat(t *testing.T) {
	b := setup(t)
	_, _ = b.running(t)
	client := b.client(t)
	rapid.Check(t, func(rt *rapid.T) {
		out := newFakeOutput()
		b.host.mu.Lock()
		b.host.outputs["good"] = out
		b.host.mu.Unlock()
		steps := rapid.SliceOfN(rapid.IntRange(0, 9), 1, 20).Draw(rt, "steps")
		for i, s := range steps {
			switch {
			case s == 0:
				out.add(task.Chunk{Ended: &task.Run{Attempt: i}})
			case s == 1:
				out.add(task.Chunk{Stream: task.Stdout, Gap: int64(i + 1), Why: "lost"})
			case s < 6:
				out.add(stdout(fmt.Sprintf("out %d\n", i)))
			default:
				out.add(stderr(fmt.Sprintf("err %d\n", i)))
			}
		}
		out.finish()
		var query string
		from := out.log[0].Attempt
		switch rapid.IntRange(0, 2).Draw(rt, "query") {
		case 0: // the last attempt, and those after it
			query, from = "?follow=true", out.log[len(out.log)-1].Attempt
		case 1:
			query = "?follow=true&attempt=1"
		default:
			query = "?attempt=1"
		}
		var want []task.Chunk
		for _, c := range out.log {
			if c.Attempt == from {
				want = append(want, c)
			}
		}
		var got []frame
		for lastID := ""; ; {
			src := b.events(t, client, goodOutput+query, lastID)
			done := false
			for range rapid.IntRange(1, 4).Draw(rt, "events") {
				f := src.next(t)
				if done = f.event == "done"; done {
					break
				}
				got, lastID = append(got, f), f.id
			}
			src.body.Close()
			if done {
				break
			}
			if len(got) > len(want) {
				rt.Fatalf("%s: got %v, want %d events", query, got, len(want))
			}
		}
		if len(got) != len(want) {
			rt.Fatalf("%s: got %d events, want %d: %v", query, len(got), len(want), got)
		}
		for i, f := range got {
			e := f.output(t)
			if e.Offset != want[i].Offset || string(e.Data) != string(want[i].Data) || e.Bytes != want[i].Gap || (e.Run != nil) != (want[i].Ended != nil) {
				rt.Fatalf("%s: event %d is %+v, want %+v", query, i, e, want[i])
			}
		}
	})
}

func TestResumeStartsWithinAChunk(t *testing.T) {
	b := setup(t)
	created, out := b.running(t)
	out.add(stdout("0123456789"))
	out.add(stderr("abc"))
	out.finish()
	uid := created.Metadata.UID.String()
	src := b.events(t, b.client(t), goodOutput+"?follow=true", uid+"/1/4.0")
	defer src.body.Close()
	if e := src.next(t).output(t); string(e.Data) != "456789" || e.Offset != 4 {
		t.Errorf("got %+v", e)
	}
	if e := src.next(t).output(t); string(e.Data) != "abc" {
		t.Errorf("got %+v", e)
	}
}

func TestResumeOfAnotherIncarnationIsRefused(t *testing.T) {
	b := setup(t)
	b.running(t)
	other := task.NewUID(time.Now()).String()
	resp, body := b.send(t, call{"GET", goodOutput, "", []string{"Accept", mediaEvents, "Last-Event-ID", other + "/1/0.0"}})
	if resp.StatusCode != 410 || !strings.Contains(string(body), lastEventID) {
		t.Errorf("got %d %s, want 410", resp.StatusCode, body)
	}
	resp, body = b.send(t, call{"GET", goodOutput + "?uid=" + other, "", []string{"Accept", mediaEvents, "Last-Event-ID", other + "/1/0.0"}})
	if resp.StatusCode != 404 {
		t.Errorf("with the uid: got %d %s, want 404", resp.StatusCode, body)
	}
}

func TestPlacesThatWereNeverReachedAreRefused(t *testing.T) {
	b := setup(t)
	created, _ := b.running(t)
	b.host.refuseOutput(&task.OffsetError{Attempt: 1, Begun: true, Stream: task.Stderr, Offset: 9, End: 6})
	const message = "stderr of attempt 1 ends at 6, which is before 9"
	for _, tt := range []struct {
		call  call
		field string
	}{
		{call{"GET", goodOutput + "?offset=0.9", "", nil}, "offset"},
		{call{"HEAD", goodOutput + "?offset=0.9", "", nil}, ""},
		{call{"GET", goodOutput, "", []string{"Accept", mediaEvents, "Last-Event-ID", created.Metadata.UID.String() + "/1/0.9"}}, lastEventID},
	} {
		resp, body := b.send(t, tt.call)
		if want := fmt.Sprintf(`"field":%q,"message":%q`, tt.field, message); resp.StatusCode != 400 || tt.field != "" && !strings.Contains(string(body), want) {
			t.Errorf("%+v: %d %s", tt.call, resp.StatusCode, body)
		}
	}
}

func TestRawOutputIsTheBytes(t *testing.T) {
	b := setup(t)
	created, out := b.running(t)
	out.add(stdout("one\n"))
	out.add(stderr("two\x00\n"))
	out.add(task.Chunk{Stream: task.Stdout, Gap: 5})
	out.add(stdout("three\n"))
	out.add(task.Chunk{Ended: &task.Run{}})
	out.finish()
	for _, tt := range []struct{ query, want, missing string }{
		{"", "one\ntwo\x00\nthree\n", "5"},
		{"?follow=true", "one\ntwo\x00\nthree\n", "5"},
		{"?stream=stdout", "one\nthree\n", "5"},
		{"?stream=stderr", "two\x00\n", "0"},
		{"?stream=stdout&offset=2", "e\nthree\n", "5"},
		{"?attempt=1&offset=9.4", "\nthree\n", "0"},
		{"?attempt=2", "", "0"},
		{"?uid=" + created.Metadata.UID.String(), "one\ntwo\x00\nthree\n", "5"},
	} {
		resp, body := b.send(t, call{"GET", goodOutput + tt.query, "", nil})
		if resp.StatusCode != 200 || string(body) != tt.want || resp.Trailer.Get(MissingTrailer) != tt.missing {
			t.Errorf("%s: %d %q, missing %q; want %q, %q", tt.query, resp.StatusCode, body, resp.Trailer.Get(MissingTrailer), tt.want, tt.missing)
		}
		if got := resp.Trailer.Get(CursorTrailer); tt.query == "" && got != created.Metadata.UID.String()+"/2/0.0" {
			t.Errorf("cursor %q", got)
		}
	}
	if resp, body := b.send(t, call{"HEAD", goodOutput + "?follow=true", "", nil}); resp.StatusCode != 200 || len(body) != 0 {
		t.Errorf("HEAD: %d %q", resp.StatusCode, body)
	}
}

func TestShutdownEndsOpenStreams(t *testing.T) {
	b := setup(t)
	_, out := b.running(t)
	out.add(stdout("x"))
	src := b.events(t, b.client(t), goodOutput+"?follow=true", "")
	defer src.body.Close()
	src.next(t)
	raw := make(chan error, 1)
	go func() {
		resp, err := b.client(t).Get("http://localhost" + goodOutput + "?follow=true")
		if err == nil {
			_, err = io.ReadAll(resp.Body)
			resp.Body.Close()
		}
		raw <- err
	}()
	b.waitInFlight(t, 2)
	b.shutdown(t)
	f := src.next(t)
	var s task.APIStatus
	if err := json.Unmarshal([]byte(f.data), &s); err != nil || f.event != "error" || s.Reason != task.ReasonShuttingDown {
		t.Errorf("got %+v, %v: want an error event", f, err)
	}
	// Raw output has no words for it: an answer that ends as if it were whole would be a lie.
	if err := <-raw; !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("raw: %v, want an unexpected end", err)
	}
}

func TestFailureWhileReadingIsAnEvent(t *testing.T) {
	b := setup(t)
	b.running(t)
	b.host.mu.Lock()
	b.host.outputs["good"] = newFakeOutput()
	b.host.mu.Unlock()
	enc := &eventEncoder{uid: "u"}
	out, cut := enc.appendEnd(nil, nil, errors.New("disk on fire"))
	if cut || strings.Contains(string(out), "fire") || !strings.Contains(string(out), "event: error") {
		t.Errorf("got %q, %v", out, cut)
	}
}

// A client that does not read is closed after the write timeout; what it follows goes on meanwhile.
func TestStalledReaderIsClosed(t *testing.T) {
	t.Parallel()
	const patience = 2 * time.Second
	b := setup(t, func(o *Options) { o.patience = patience })
	_, out := b.running(t)
	conn, err := net.Dial("unix", b.socket)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "GET %s?follow=true HTTP/1.1\r\nHost: x\r\nAccept: %s\r\n\r\n", goodOutput, mediaEvents)
	b.waitInFlight(t, 1)
	begin, piece := time.Now(), strings.Repeat("x", 32<<10)
	for range 100 {
		out.add(stdout(piece)) // 3 MiB, more than the socket takes
	}
	if took := time.Since(begin); took > time.Second {
		t.Errorf("writing took %v", took)
	}
	fast := b.events(t, b.client(t), goodOutput+"?follow=true", "")
	defer fast.body.Close()
	for range 100 {
		fast.next(t)
	}
	if took := time.Since(begin); took > patience {
		t.Errorf("the other reader took %v", took)
	}
	fast.body.Close()
	ctx, cancel := context.WithTimeout(t.Context(), patience+10*time.Second)
	defer cancel()
	for {
		b.observer.mu.Lock()
		n := b.observer.inFlight
		b.observer.mu.Unlock()
		if n == 0 {
			break
		}
		select {
		case <-ctx.Done():
			t.Fatalf("%d requests still in flight", n)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func TestSlowHeaderIsCutOff(t *testing.T) {
	t.Parallel()
	b := setup(t)
	conn, err := net.Dial("tcp", b.tcp)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "GET /livez HTTP/1.1\r\nHost: ")
	begin := time.Now()
	_ = conn.SetReadDeadline(begin.Add(headerTimeout + 10*time.Second))
	if _, err := io.ReadAll(conn); errors.Is(err, context.DeadlineExceeded) || time.Since(begin) > headerTimeout+5*time.Second {
		t.Errorf("closed after %v: %v", time.Since(begin), err)
	}
}
