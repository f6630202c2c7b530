package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"github.com/soltihq/solti-host/host/task"
)

// mediaEvents is the media type of event streams.
const mediaEvents = "text/event-stream"

func (s *Server) readOutput(w http.ResponseWriter, r *http.Request) error {
	events := strings.Contains(r.Header.Get("Accept"), mediaEvents)
	q, err := readOutputQuery(r, events)
	if err != nil {
		return err
	}
	name := task.Name(r.PathValue("name"))
	t, err := s.find(name, q.UID)
	if err != nil {
		return err
	}
	uid := t.Metadata.UID
	if q.UID = uid; !q.after.IsZero() && q.after != uid {
		return errOldEvent
	}
	reader := OutputReader(noOutput{})
	if !q.complete {
		if reader, err = s.backend.Tasks.Output(name, q.OutputQuery); err != nil {
			return offsetError(err, q.place, q.place)
		}
	}
	defer reader.Close()
	var enc outputEncoder = &rawEncoder{uid: uid}
	if events {
		s.encodings.enter()
		defer s.encodings.leave()
		enc = &eventEncoder{uid: uid.String(), shared: &s.encodings}
	}
	return s.sendOutput(w, r, reader, enc)
}

// noOutput reads nothing.
type noOutput struct{}

func (noOutput) Next(context.Context) (task.Chunk, error) { return task.Chunk{}, io.EOF }
func (noOutput) Close()                                   {}

// An outputEncoder writes output in one format.
type outputEncoder interface {
	begin(h http.Header)
	appendStart(b []byte) []byte
	appendChunk(b []byte, c task.Chunk) ([]byte, error)
	appendKeepAlive(b []byte) []byte
	// appendEnd writes how the output ended; nil means that it is complete. Cut says that the
	// format cannot tell, so that the connection must.
	appendEnd(b []byte, h http.Header, err error) (end []byte, cut bool)
}

const (
	// ahead is how many chunks are read before they are written.
	ahead = 4
	// maxBatch bounds what is written at once, in bytes, but for the last chunk in it.
	maxBatch = 128 << 10
)

// A pump reads ahead. Its chunks are closed at the end, and err is set then.
type pump struct {
	chunks chan task.Chunk
	err    error // io.EOF at the proper end; valid once chunks is closed
}

func startPump(ctx context.Context, reader OutputReader) *pump {
	p := &pump{chunks: make(chan task.Chunk, ahead)}
	go func() {
		defer close(p.chunks)
		defer func() {
			if r := recover(); r != nil {
				p.err = fmt.Errorf("reading the output panicked: %v\n%s", r, debug.Stack())
			}
		}()
		for {
			c, err := reader.Next(ctx)
			if err != nil {
				p.err = err
				return
			}
			select {
			case p.chunks <- c:
			case <-ctx.Done():
				p.err = context.Cause(ctx)
				return
			}
		}
	}()
	return p
}

// wait returns when the pump has stopped reading.
func (p *pump) wait() {
	for range p.chunks { //nolint:revive // what was read ahead is dropped
	}
}

// sendOutput writes what reader gives until its end, the client's, or the server's.
func (s *Server) sendOutput(w http.ResponseWriter, r *http.Request, reader OutputReader, enc outputEncoder) error {
	rec, ok := w.(*recorder)
	if !ok {
		return fmt.Errorf("output needs a recorder, got %T", w)
	}
	enc.begin(w.Header())
	if r.Method == http.MethodHead {
		w.WriteHeader(http.StatusOK)
		return nil
	}
	ctx, cancel := context.WithCancelCause(r.Context())
	p := startPump(ctx, reader)
	defer p.wait()
	defer cancel(context.Canceled)
	out := &outputWriter{w: rec, enc: enc, turns: s.turns}
	if out.flush(enc.appendStart) != nil {
		return nil // nobody is there to be told
	}
	if err := s.copyOutput(out, p); err != nil {
		s.log.Debug("an output stream broke", "path", r.URL.Path, "error", err)
		rec.abort = true
	}
	return nil
}

// copyOutput writes chunks as they come. It returns an error when the answer must be cut.
func (s *Server) copyOutput(out *outputWriter, p *pump) error {
	tick := time.NewTicker(keepAliveInterval)
	defer tick.Stop()
	for idle := true; ; {
		select {
		case c, more := <-p.chunks:
			if !more {
				return s.endOutput(out, p.err)
			}
			idle = false
			if err := out.write(c, len(p.chunks) == 0); err != nil {
				return err
			}
		case <-tick.C:
			if idle {
				if err := out.flush(out.enc.appendKeepAlive); err != nil {
					return err
				}
			}
			idle = true
		case <-s.stopping.Done():
			return s.endOutput(out, task.ErrClosed)
		}
	}
}

func (s *Server) endOutput(out *outputWriter, err error) error {
	if errors.Is(err, io.EOF) {
		err = nil
	}
	if _, hidden := statusOf(err); err != nil && hidden {
		s.log.Error("output cannot be read", "error", err)
	}
	var cut bool
	flushed := out.flush(func(b []byte) []byte {
		b, cut = out.enc.appendEnd(b, out.w.Header(), err)
		return b
	})
	if flushed != nil {
		return flushed
	}
	if cut {
		return err
	}
	return nil
}

// An outputWriter gathers what is written at once. It encodes no sooner, so that what waits to be
// written is held once for all who read it.
type outputWriter struct {
	w     *recorder
	enc   outputEncoder
	turns *turns

	chunks []task.Chunk
	size   int // bytes of data in chunks
}

// write adds c, and writes what is gathered where now says that nothing more is at hand.
func (o *outputWriter) write(c task.Chunk, now bool) error {
	o.chunks = append(o.chunks, c)
	o.size += len(c.Data)
	if now || o.size >= maxBatch {
		return o.flush(nil)
	}
	return nil
}

// flush hands what is gathered, and what last adds to it, to the connection, which must take it
// within the client's patience.
func (o *outputWriter) flush(last func([]byte) []byte) (err error) {
	if o.size > turnSize {
		defer o.turns.take()()
	}
	buf := o.turns.buffers.Get().(*[]byte)
	defer o.turns.buffers.Put(buf)
	b := (*buf)[:0]
	for _, c := range o.chunks {
		if b, err = o.enc.appendChunk(b, c); err != nil {
			return err
		}
	}
	clear(o.chunks)
	o.chunks, o.size = o.chunks[:0], 0
	if last != nil {
		b = last(b)
	}
	*buf = b
	extend(o.w)
	if len(b) > 0 {
		if _, err := o.w.Write(b); err != nil {
			return err
		}
	}
	return o.w.control.Flush()
}
