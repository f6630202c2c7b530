package main

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"sync"

	"github.com/soltihq/solti-host/host/task"
)

// A screen is where tasks that run at the same time write: one task as it is, several line by line
// behind their names.
type screen struct {
	mu        sync.Mutex
	out, errs io.Writer // guarded by mu
	results   bool      // results are told as text
	width     int       // of the longest name; 0 means that there is only one task
}

// screen returns a screen for tasks. Where the result is a document, all that they write is beside it.
func (a *app) screen(tasks []*task.Task) *screen {
	s := &screen{out: a.out, errs: a.errs, results: !a.documents()}
	if a.documents() {
		s.out = a.errs
	}
	if len(tasks) > 1 {
		for _, t := range tasks {
			s.width = max(s.width, len(t.Metadata.Name))
		}
	}
	return s
}

// writers returns where the task called name writes. Close ends the last line.
func (s *screen) writers(name task.Name) (out, errs io.WriteCloser) {
	prefix := ""
	if s.width > 0 {
		prefix = clean(string(name)) + strings.Repeat(" ", s.width-len(name)) + " | "
	}
	return &pane{screen: s, to: s.out, prefix: prefix}, &pane{screen: s, to: s.errs, prefix: prefix}
}

// result tells how a task ended.
func (s *screen) result(t *task.Task) {
	if !s.results {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	fmt.Fprintln(s.errs, resultText(t))
}

// maxLine bounds a line behind a prefix, in bytes; what is longer goes on on the next one.
const maxLine = 16 << 10

// A pane is one stream of one task. It is for one goroutine.
type pane struct {
	screen *screen
	to     io.Writer
	prefix string // of every line; empty means that bytes pass as they are
	rest   []byte // of a line that has not ended
}

// Write writes what there is of whole lines.
func (p *pane) Write(b []byte) (int, error) {
	whole := b
	if p.prefix != "" {
		whole = p.lines(b)
	}
	if len(whole) == 0 {
		return len(b), nil
	}
	p.screen.mu.Lock()
	defer p.screen.mu.Unlock()
	if _, err := p.to.Write(whole); err != nil {
		return 0, err
	}
	return len(b), nil
}

// lines takes b and returns the whole lines that there are now.
func (p *pane) lines(b []byte) (whole []byte) {
	for len(b) > 0 {
		n := min(len(b), maxLine-len(p.rest))
		end := bytes.IndexByte(b[:n], '\n')
		if end >= 0 {
			n = end
		}
		p.rest, b = append(p.rest, b[:n]...), b[n:]
		if end < 0 && len(p.rest) < maxLine {
			break
		}
		whole = append(append(append(whole, p.prefix...), p.rest...), '\n')
		p.rest = p.rest[:0]
		if end >= 0 {
			b = b[1:]
		}
	}
	return whole
}

// Close writes the last line, if it has not ended.
func (p *pane) Close() error {
	if len(p.rest) == 0 {
		return nil
	}
	_, err := p.Write([]byte{'\n'})
	return err
}
