package client

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
)

func TestEventReader(t *testing.T) {
	alive := 0
	r := newEventReader(strings.NewReader(
		"retry: 1000\n\n: comment\n\nid: a/1/2.3\r\nevent: chunk\r\ndata: {\r\ndata:}\r\n\r\nevent: ignored\n\nid:b\ndata: x\n\nevent: cut\ndata: y\n"),
		func() { alive++ })
	e, err := r.next()
	if err != nil || e.id != "a/1/2.3" || e.name != "chunk" || string(e.data) != "{\n}" {
		t.Errorf("got %+v, %v", e, err)
	}
	e, err = r.next()
	if err != nil || e.id != "b" || e.name != "" || string(e.data) != "x" {
		t.Errorf("got %+v, %v", e, err)
	}
	if e, err = r.next(); !errors.Is(err, io.EOF) {
		t.Errorf("got %+v, %v: an event that is cut off is none", e, err)
	}
	if alive == 0 {
		t.Error("nobody was told that the stream lives")
	}
}

func TestLongEventsAreRefused(t *testing.T) {
	r := newEventReader(io.MultiReader(strings.NewReader("data: "), io.LimitReader(zeros{}, 2*maxEvent)), func() {})
	if _, err := r.next(); !errors.Is(err, errLongEvent) {
		t.Errorf("got %v", err)
	}
	many := strings.Repeat("data: "+strings.Repeat("x", 1<<20)+"\n", 10)
	if _, err := newEventReader(strings.NewReader(many), func() {}).next(); !errors.Is(err, errLongEvent) {
		t.Errorf("many lines: got %v", err)
	}
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) {
	clear(b)
	return len(b), nil
}

func FuzzEventReader(f *testing.F) {
	f.Add([]byte("id: a\nevent: chunk\ndata: {}\n\n"))
	f.Add([]byte(":\n\n\ndata\ndata:\n\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		r := newEventReader(bytes.NewReader(b), func() {})
		for {
			e, err := r.next()
			if err != nil {
				return
			}
			if len(e.data) > len(b) || bytes.ContainsRune([]byte(e.name), '\n') {
				t.Fatalf("got %+v", e)
			}
			_, _ = e.chunk() // must not panic
		}
	})
}
