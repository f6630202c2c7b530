package sdk

import (
	"time"

	pluginv1 "github.com/soltihq/solti-host/shared/proto/solti/plugin/v1"
)

// A sender turns batches into messages, numbering the frames. One goroutine uses it.
type sender struct {
	queue     *queue
	heartbeat time.Duration // longest silence
	send      func(*pluginv1.RunTaskResponse) error

	batch batch
	seq   uint64
	sent  time.Time // when the last message went out
}

// run sends until the Exited frame is out, an error, or the end of done; it tells whether the Exited
// frame is out.
func (s *sender) run(done <-chan struct{}) (bool, error) {
	defer s.batch.free()
	s.sent = time.Now()
	silence := time.NewTimer(s.heartbeat)
	defer silence.Stop()
	for {
		select {
		case <-s.queue.wake:
			last, err := s.flush()
			if last || err != nil {
				return last, err
			}
		case <-silence.C:
			next, err := s.beat()
			if err != nil {
				return false, err
			}
			silence.Reset(next)
		case <-done:
			return false, nil
		}
	}
}

// flush sends what is queued, if anything is.
func (s *sender) flush() (last bool, err error) {
	s.batch.clear()
	s.queue.take(&s.batch)
	if len(s.batch.items) == 0 {
		return false, nil
	}
	last = s.batch.last
	s.sent = time.Now()
	return last, s.send(&pluginv1.RunTaskResponse{Frames: s.encode()})
}

// beat sends a heartbeat if it is due, and returns when to look again. Looking instead of moving the
// timer with every message keeps sending free of timers.
func (s *sender) beat() (time.Duration, error) {
	if quiet := time.Since(s.sent); quiet < s.heartbeat {
		return s.heartbeat - quiet, nil
	}
	s.sent = time.Now()
	f := &pluginv1.Frame{Body: &pluginv1.Frame_Heartbeat{Heartbeat: &pluginv1.Heartbeat{}}}
	return s.heartbeat, s.send(&pluginv1.RunTaskResponse{Frames: []*pluginv1.Frame{s.number(f)}})
}

func (s *sender) number(f *pluginv1.Frame) *pluginv1.Frame {
	s.seq++
	f.Seq = s.seq
	return f
}

// encode makes frames of the batch. They share its memory until the message is on its way.
func (s *sender) encode() []*pluginv1.Frame {
	frames := make([]*pluginv1.Frame, 0, len(s.batch.items)+len(s.batch.data)/MaxChunk)
	data := s.batch.data
	for _, it := range s.batch.items {
		if it.frame != nil {
			frames = append(frames, s.number(it.frame))
			continue
		}
		for it.n > 0 {
			n := min(it.n, MaxChunk)
			frames = append(frames, s.number(&pluginv1.Frame{Body: &pluginv1.Frame_Output{
				Output: &pluginv1.Output{Stream: it.stream, Offset: it.offset, Data: data[:n:n]},
			}}))
			data = data[n:]
			it.n -= n
			it.offset += uint64(n)
		}
	}
	return frames
}
