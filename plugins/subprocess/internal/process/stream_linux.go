package process

import (
	"errors"
	"io"

	"golang.org/x/sys/unix"
)

// A stream is the reading end of a pipe and where its bytes go.
type stream struct {
	fd     int // -1 when it has ended
	to     io.Writer
	broken bool // to has failed, the rest is dropped
}

// read takes what the pipe holds now, one chunk at most, and hands it on. It reports whether the pipe
// has ended. It must be called only when poll says that there is something to read or nobody to write.
func (s *stream) read(bufs *buffers) (ended bool) {
	buf := bufs.get()
	defer bufs.put(buf)
	for {
		n, err := unix.Read(s.fd, buf[:])
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil || n <= 0:
			return true
		}
		if !s.broken {
			_, err = s.to.Write(buf[:n])
			s.broken = err != nil
		}
		return false
	}
}
