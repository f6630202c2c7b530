package output

import (
	"errors"
	"io"
)

// A scanner reads the frames of a file, one after the other, up to the first that is none.
type scanner struct {
	r     io.ReaderAt
	pos   int64 // where the next frame begins
	frame frame // the last one
	at    int64 // where it began
	err   error // that stopped it, other than the end of the frames

	buf []byte // bytes from pos on
}

const scanSize = 256 << 10

// next reads a frame. Its data is valid until the next call.
func (s *scanner) next() bool {
	f, n, err := parseFrame(s.buf)
	if errors.Is(err, errShort) {
		if !s.read() {
			return false
		}
		f, n, err = parseFrame(s.buf)
	}
	if err != nil {
		return false
	}
	s.frame, s.at = f, s.pos
	s.buf, s.pos = s.buf[n:], s.pos+int64(n)
	return true
}

// read refills the buffer from pos on.
func (s *scanner) read() bool {
	buf := make([]byte, scanSize)
	n, err := s.r.ReadAt(buf, s.pos)
	if err != nil && !errors.Is(err, io.EOF) {
		s.err = err
		return false
	}
	s.buf = buf[:n]
	return n > 0
}

// readFrame returns the encoded frame at off of a file. It has the length of a frame, but need not
// be one.
func (d *disk) readFrame(name string, off int64) ([]byte, error) {
	b, err := d.read(name, off, 1<<10)
	if err != nil {
		return nil, err
	}
	_, n, err := parseFrame(b)
	if errors.Is(err, errShort) && n > len(b) {
		if b, err = d.read(name, off, n); err != nil {
			return nil, err
		}
		_, n, err = parseFrame(b)
	}
	if err != nil {
		return nil, errCorrupt
	}
	return b[:n:n], nil
}
