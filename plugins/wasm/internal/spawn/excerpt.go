package spawn

import (
	"fmt"
	"io"
)

const (
	headMax = 2 << 10
	tailMax = 6 << 10
)

// An excerpt keeps the beginning and the end of a text.
type excerpt struct {
	head []byte
	tail []byte
	lost int64 // bytes between the two
}

// readFrom reads to the end, or to an error, which is the same to us.
func (e *excerpt) readFrom(r io.Reader) {
	buf := make([]byte, 512) // most children write nothing
	for {
		n, err := r.Read(buf)
		e.add(buf[:n])
		if err != nil {
			return
		}
		if n == len(buf) && n < 8<<10 {
			buf = make([]byte, 8<<10)
		}
	}
}

func (e *excerpt) add(p []byte) {
	n := min(headMax-len(e.head), len(p))
	e.head = append(e.head, p[:n]...)
	e.tail = append(e.tail, p[n:]...)
	if over := len(e.tail) - tailMax; over > 0 {
		e.lost += int64(over)
		e.tail = append(e.tail[:0], e.tail[over:]...)
	}
}

func (e *excerpt) String() string {
	if e.lost == 0 {
		return string(e.head) + string(e.tail)
	}
	return fmt.Sprintf("%s\n[%d bytes]\n%s", e.head, e.lost, e.tail)
}
