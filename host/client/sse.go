package client

import (
	"bufio"
	"bytes"
	"errors"
	"io"
)

// maxEvent bounds one line of an event stream, and the data of one event, in bytes.
const maxEvent = 4 << 20

// errLongEvent says that a stream holds an event longer than maxEvent.
var errLongEvent = errors.New("an event is too long")

// An event is one event of a text/event-stream.
type event struct {
	id   string
	name string
	data []byte // valid until the next call of next
}

// An eventReader reads events from a stream.
type eventReader struct {
	r     *bufio.Reader
	alive func() // called for every line, comments included
	line  []byte
	data  []byte
}

func newEventReader(r io.Reader, alive func()) *eventReader {
	return &eventReader{r: bufio.NewReaderSize(r, 64<<10), alive: alive}
}

// next returns the next event that has data. An event that the stream's end cuts off is not one.
func (r *eventReader) next() (event, error) {
	var e event
	r.data = r.data[:0]
	for {
		line, err := r.readLine()
		if err != nil {
			return event{}, err
		}
		r.alive()
		if len(line) == 0 {
			if len(r.data) > 0 {
				e.data = r.data
				return e, nil
			}
			e = event{id: e.id}
			continue
		}
		if r.field(&e, line); len(r.data) > maxEvent {
			return event{}, errLongEvent
		}
	}
}

// field applies one line to e.
func (r *eventReader) field(e *event, line []byte) {
	name, value, _ := bytes.Cut(line, []byte(":"))
	value = bytes.TrimPrefix(value, []byte(" "))
	switch string(name) {
	case "id":
		e.id = string(value)
	case "event":
		e.name = string(value)
	case "data":
		if len(r.data) > 0 {
			r.data = append(r.data, '\n')
		}
		r.data = append(r.data, value...)
	}
}

// readLine returns a line without its end, valid until the next call.
func (r *eventReader) readLine() ([]byte, error) {
	r.line = r.line[:0]
	for {
		part, err := r.r.ReadSlice('\n')
		if len(r.line) == 0 && err == nil {
			return bytes.TrimRight(part, "\r\n"), nil
		}
		r.line = append(r.line, part...)
		switch {
		case err == nil:
			return bytes.TrimRight(r.line, "\r\n"), nil
		case !errors.Is(err, bufio.ErrBufferFull):
			return nil, err
		case len(r.line) > maxEvent:
			return nil, errLongEvent
		}
	}
}
