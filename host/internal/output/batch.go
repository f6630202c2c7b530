package output

// A batch is a few frames that are written at once.
type batch struct {
	frames []frame
	at     []int  // where in buf each of them begins
	buf    []byte // encoded
	data   int64  // bytes of data
}

func (b *batch) add(f frame, encode bool) {
	b.at = append(b.at, len(b.buf))
	if encode {
		b.buf = appendFrame(b.buf, &f)
	}
	b.frames = append(b.frames, f)
	b.data += int64(len(f.data))
}

// batch returns an empty batch.
func (s *Store) batch() *batch {
	if b, ok := s.batches.Get().(*batch); ok {
		return b
	}
	return new(batch)
}

// reuse takes a batch back that nobody uses any more.
func (s *Store) reuse(b *batch) {
	clear(b.frames)
	if cap(b.buf) > 4*maxFrame {
		return
	}
	*b = batch{frames: b.frames[:0], at: b.at[:0], buf: b.buf[:0]}
	s.batches.Put(b)
}
