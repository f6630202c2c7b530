package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"
)

// ErrProtocol is wrapped by every error that means: the other side does not speak as it should.
var ErrProtocol = errors.New("protocol broken")

// An encoder appends values to a message: numbers as varints, strings with their length in front.
type encoder struct{ b []byte }

func encode(k kind) *encoder { return &encoder{b: append(make([]byte, 0, 512), byte(k))} }

func (e *encoder) uint(v uint64) { e.b = binary.AppendUvarint(e.b, v) }

func (e *encoder) bool(v bool) {
	if v {
		e.b = append(e.b, 1)
	} else {
		e.b = append(e.b, 0)
	}
}

func (e *encoder) string(s string) {
	e.uint(uint64(len(s)))
	e.b = append(e.b, s...)
}

func (e *encoder) strings(list []string) {
	e.uint(uint64(len(list)))
	for _, s := range list {
		e.string(s)
	}
}

func (e *encoder) duration(d time.Duration) { e.uint(uint64(max(d, 0))) }

// A decoder takes values off a message. After the first that is not there it gives zero values and keeps
// the error.
type decoder struct {
	b   []byte
	err error
}

func (d *decoder) fail(what string) {
	if d.err == nil {
		d.err = fmt.Errorf("%w: %s", ErrProtocol, what)
	}
	d.b = nil
}

func (d *decoder) uint() uint64 {
	v, n := binary.Uvarint(d.b)
	if n <= 0 {
		d.fail("number cut short")
		return 0
	}
	d.b = d.b[n:]
	return v
}

func (d *decoder) bool() bool {
	if len(d.b) == 0 || d.b[0] > 1 {
		d.fail("truth value expected")
		return false
	}
	v := d.b[0] == 1
	d.b = d.b[1:]
	return v
}

func (d *decoder) string() string {
	n := d.uint()
	if n > uint64(len(d.b)) {
		d.fail("text cut short")
		return ""
	}
	s := string(d.b[:n])
	d.b = d.b[n:]
	return s
}

// count takes the length of a list whose items take least bytes each.
func (d *decoder) count(least int) int {
	n := d.uint()
	if n > uint64(len(d.b)/least) {
		d.fail("list longer than its message")
		return 0
	}
	return int(n)
}

func (d *decoder) strings() []string {
	n := d.count(1)
	if n == 0 {
		return nil
	}
	list := make([]string, n)
	for i := range list {
		list[i] = d.string()
	}
	return list
}

// duration takes a span of time. One that Go cannot say is cut.
func (d *decoder) duration() time.Duration {
	return time.Duration(min(d.uint(), 1<<62))
}

// end says whether the message was read to its end without an error.
func (d *decoder) end() error {
	if d.err == nil && len(d.b) > 0 {
		d.fail("bytes after the end")
	}
	return d.err
}
