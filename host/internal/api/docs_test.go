package api

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"

	"github.com/soltihq/solti-host/host/task"
)

func readDocs(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile("../../../docs/api.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// example returns the fenced block of that kind.
func example(t *testing.T, docs, kind string) string {
	t.Helper()
	_, rest, ok := strings.Cut(docs, "```"+kind+"\n")
	block, _, closed := strings.Cut(rest, "```")
	if !ok || !closed {
		t.Fatalf("no example of %s", kind)
	}
	return block
}

func TestDocsNameEveryRoute(t *testing.T) {
	docs := readDocs(t)
	for _, r := range Routes() {
		if !strings.Contains(docs, "`"+r.Method+" "+r.Path+"`") {
			t.Errorf("docs/api.md lacks %s %s", r.Method, r.Path)
		}
	}
}

func TestDocsTableOfFailuresIsTheTable(t *testing.T) {
	docs := readDocs(t)
	known := make(map[task.Reason]bool)
	for _, c := range classes {
		row := fmt.Sprintf("| %d | `%s` | %s |", c.http, c.reason, upperCode(c.grpc))
		if !strings.Contains(docs, row) && c.grpc != codes.Canceled {
			t.Errorf("docs/api.md lacks the row %s", row)
		}
		known[c.reason] = true
	}
	for _, m := range regexp.MustCompile("(?m)^\\| [45]\\d\\d \\| `(\\w+)`").FindAllStringSubmatch(docs, -1) {
		if !known[task.Reason(m[1])] {
			t.Errorf("docs/api.md has %s, which no failure has", m[1])
		}
	}
}

// upperCode writes NotFound as NOT_FOUND.
func upperCode(c codes.Code) string {
	return strings.ToUpper(regexp.MustCompile("([a-z])([A-Z])").ReplaceAllString(c.String(), "${1}_$2"))
}

// The examples are what the types encode to, field by field and in their order.
func TestDocsExamplesAreWhatTheHostSends(t *testing.T) {
	docs := readDocs(t)
	for kind, v := range map[string]any{"json task": new(task.Task), "json run": new(task.Run), "json status": new(task.APIStatus)} {
		text := example(t, docs, kind)
		dec := json.NewDecoder(strings.NewReader(text))
		dec.DisallowUnknownFields()
		if err := dec.Decode(v); err != nil {
			t.Fatalf("%s: %v", kind, err)
		}
		got, err := task.EncodeJSON(v)
		if err != nil {
			t.Fatal(err)
		}
		var want bytes.Buffer
		if err := json.Compact(&want, []byte(text)); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want.Bytes()) {
			t.Errorf("%s: the docs have\n%s, the host sends\n%s", kind, want.Bytes(), got)
		}
	}
	if _, err := task.Decode([]byte(example(t, docs, "json task"))); err != nil {
		t.Errorf("the task cannot be submitted: %v", err)
	}
}

func TestDocsEventsAreWhatTheHostSends(t *testing.T) {
	text := example(t, readDocs(t), "sse")
	enc := &eventEncoder{}
	b := enc.appendStart(nil)
	src := &eventSource{r: bufio.NewReader(strings.NewReader(text))}
	for f := src.next(t); f.event != "eof"; f = src.next(t) {
		if f.event == "done" {
			b, _ = enc.appendEnd(b, nil, nil)
			continue
		}
		uid, next, ok := parseEventID(f.id)
		if !ok {
			t.Fatalf("id %q", f.id)
		}
		enc.uid = uid.String()
		e := f.output(t)
		c := task.Chunk{Attempt: e.Attempt, Offset: e.Offset, Time: e.Time, Data: e.Data, Gap: e.Bytes, Why: e.Reason, Ended: e.Run, Next: next}
		if c.Stream = task.Stdout; e.Stream == "stderr" {
			c.Stream = task.Stderr
		}
		var err error
		if b, err = enc.appendChunk(b, c); err != nil {
			t.Fatal(err)
		}
		if f.event == "gap" {
			b = enc.appendKeepAlive(b)
		}
	}
	if string(b) != text {
		t.Errorf("the docs have\n%s\nthe host sends\n%s", text, b)
	}
}

func FuzzEventID(f *testing.F) {
	for _, s := range []string{"", "/1/0.0", "01960d2f-5c00-7a31-9c55-0d7c1b6f2a10/1/6.512", "/1/1.-1", "///", "/0/0.0", "x/1/0.0", "/1/9223372036854775808.0"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		uid, c, ok := parseEventID(s)
		if !ok {
			return
		}
		if c.Attempt < 1 || c.Stdout < 0 || c.Stderr < 0 {
			t.Fatalf("%q: %+v", s, c)
		}
		again := string(appendEventID(nil, uid.String(), c))
		if uid2, c2, ok := parseEventID(again); !ok || uid2 != uid || c2 != c {
			t.Fatalf("%q became %q", s, again)
		}
	})
}
