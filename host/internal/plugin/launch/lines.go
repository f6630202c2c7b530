package launch

import (
	"bytes"
	"io"
)

// maxLine bounds a line of foreign output, in bytes. What is longer is cut.
const maxLine = 8 << 10

// readLines calls line for every line that comes from r, without its end and cut after maxLine bytes,
// until r ends or fails. Cut says how many bytes are missing. It keeps one buffer and reads as fast
// as line returns.
func readLines(r io.Reader, line func(text []byte, cut int)) {
	var (
		buf  = make([]byte, 16<<10)
		held []byte // the beginning of a line that has not ended
		cut  int    // bytes of it that were dropped
	)
	keep := func(part []byte) {
		room := maxLine - len(held)
		if len(part) > room {
			cut += len(part) - room
			part = part[:room]
		}
		held = append(held, part...)
	}
	flush := func() {
		line(bytes.TrimSuffix(held, []byte("\r")), cut)
		held, cut = held[:0], 0
	}
	for {
		n, err := r.Read(buf)
		for rest := buf[:n]; len(rest) > 0; {
			part, after, ended := bytes.Cut(rest, []byte("\n"))
			keep(part)
			if ended {
				flush()
			}
			rest = after
		}
		if err != nil {
			if len(held) > 0 {
				flush()
			}
			return
		}
	}
}
