package api

import (
	"net/http"
	"strconv"
	"time"

	"github.com/soltihq/solti-host/host/task"
)

// An eventEncoder writes output as a text/event-stream of the events chunk, gap and ended, whose ids
// are places to resume at, and at last done or error.
type eventEncoder struct {
	uid    string
	shared *encodings // nil if this is for nobody else
}

func (e *eventEncoder) begin(h http.Header) { h.Set("Content-Type", mediaEvents) }

// appendStart tells browsers how long to wait before they connect anew, in milliseconds.
func (e *eventEncoder) appendStart(b []byte) []byte { return append(b, "retry: 1000\n\n"...) }

func (e *eventEncoder) appendKeepAlive(b []byte) []byte { return append(b, ": still here\n\n"...) }

func (e *eventEncoder) appendChunk(b []byte, c task.Chunk) ([]byte, error) {
	b = appendEventID(append(b, "id: "...), e.uid, c.Next)
	if c.Ended != nil {
		return e.appendEnded(b, c)
	}
	if c.Gap > 0 {
		return e.appendGap(b, c)
	}
	b = e.appendPlace(append(b, "\nevent: chunk\ndata: "...), c)
	b = append(b, `,"data":"`...)
	b = e.shared.append(b, c.Data)
	return append(b, "\"}\n\n"...), nil
}

// appendPlace writes the fields that a chunk and a gap have in common.
func (e *eventEncoder) appendPlace(b []byte, c task.Chunk) []byte {
	b = strconv.AppendInt(append(b, `{"attempt":`...), int64(c.Attempt), 10)
	b = append(append(b, `,"stream":"`...), c.Stream.String()...)
	b = strconv.AppendInt(append(b, `","offset":`...), c.Offset, 10)
	if !c.Time.IsZero() {
		b = c.Time.AppendFormat(append(b, `,"time":"`...), time.RFC3339Nano)
		b = append(b, '"')
	}
	return b
}

func (e *eventEncoder) appendGap(b []byte, c task.Chunk) ([]byte, error) {
	why, err := task.EncodeJSON(task.Truncate(c.Why))
	if err != nil {
		return b, err
	}
	b = e.appendPlace(append(b, "\nevent: gap\ndata: "...), c)
	b = strconv.AppendInt(append(b, `,"bytes":`...), c.Gap, 10)
	b = append(append(b, `,"reason":`...), why...)
	return append(b, "}\n\n"...), nil
}

func (e *eventEncoder) appendEnded(b []byte, c task.Chunk) ([]byte, error) {
	data, err := task.EncodeJSON(task.OutputEvent{Attempt: c.Attempt, Time: c.Time, Run: c.Ended})
	if err != nil {
		return b, err
	}
	b = append(append(b, "\nevent: ended\ndata: "...), data...)
	return append(b, "\n\n"...), nil
}

func (e *eventEncoder) appendEnd(b []byte, _ http.Header, err error) ([]byte, bool) {
	if err == nil {
		return append(b, "event: done\ndata: {}\n\n"...), false
	}
	status, _ := statusOf(err)
	data, err := task.EncodeJSON(status)
	if err != nil {
		return b, true
	}
	b = append(append(b, "event: error\ndata: "...), data...)
	return append(b, "\n\n"...), false
}

// Trailers of raw output.
const (
	CursorTrailer  = "Solti-Output-Cursor"  // the place after the last byte, in the form of an event id
	MissingTrailer = "Solti-Output-Missing" // how many bytes were left out because they are not there
)

// A rawEncoder writes the bytes and nothing else.
type rawEncoder struct {
	uid     task.UID
	next    task.Cursor
	missing int64
}

func (e *rawEncoder) begin(h http.Header) {
	h.Set("Content-Type", "application/octet-stream")
	h.Set("Trailer", CursorTrailer+", "+MissingTrailer)
}

func (e *rawEncoder) appendStart(b []byte) []byte { return b }

func (e *rawEncoder) appendKeepAlive(b []byte) []byte { return b }

func (e *rawEncoder) appendChunk(b []byte, c task.Chunk) ([]byte, error) {
	e.next = c.Next
	e.missing += c.Gap
	return append(b, c.Data...), nil
}

func (e *rawEncoder) appendEnd(b []byte, h http.Header, err error) ([]byte, bool) {
	if e.next.Attempt != 0 {
		h.Set(CursorTrailer, string(appendEventID(nil, e.uid.String(), e.next)))
	}
	h.Set(MissingTrailer, strconv.FormatInt(e.missing, 10))
	return b, err != nil
}
