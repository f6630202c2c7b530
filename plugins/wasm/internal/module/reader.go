package module

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// A FormatError says what is wrong with a module, and where.
type FormatError struct {
	Offset  int // in bytes from the module's beginning
	Problem string
}

func (e *FormatError) Error() string { return fmt.Sprintf("at offset %d: %s", e.Offset, e.Problem) }

// A reader goes through a module. After its first error it stays where it is and returns zeros.
type reader struct {
	b   []byte
	at  int
	end int // of what may be read; at <= end <= len(b)
	err *FormatError
}

func (r *reader) fail(at int, format string, args ...any) {
	if r.err == nil {
		r.err = &FormatError{Offset: at, Problem: fmt.Sprintf(format, args...)}
	}
}

func (r *reader) ok() bool { return r.err == nil }

// more reports whether there is something left to read.
func (r *reader) more() bool { return r.err == nil && r.at < r.end }

func (r *reader) byte(what string) byte { return r.byteOf("", what) }

// byteOf reads a byte of a part of something: two strings, so that nothing is put together but errors.
func (r *reader) byteOf(part, what string) byte {
	if r.err != nil {
		return 0
	}
	if r.at >= r.end {
		r.fail(r.at, "%s%s is cut off", part, what)
		return 0
	}
	r.at++
	return r.b[r.at-1]
}

// bytes returns the next n bytes, which belong to the input.
func (r *reader) bytes(n uint64, what string) []byte {
	if r.err != nil {
		return nil
	}
	if n > uint64(r.end-r.at) {
		r.fail(r.at, "%s is %d bytes long, and %d are left", what, n, r.end-r.at)
		return nil
	}
	b := r.b[r.at : r.at+int(n)]
	r.at += int(n)
	return b
}

// uint reads an unsigned integer of at most so many bits.
func (r *reader) uint(bits int, what string) uint64 { return r.uintOf(bits, "", what) }

// u32 reads an unsigned integer of 32 bits.
func (r *reader) u32(what string) uint32 { return uint32(r.uintOf(32, "", what)) }

// length reads how long something is.
func (r *reader) length(what string) uint32 { return uint32(r.uintOf(32, "the length of ", what)) }

func (r *reader) uintOf(bits int, part, what string) uint64 {
	if r.err == nil && r.at < r.end && r.b[r.at] < 0x80 { // nearly always
		r.at++
		return uint64(r.b[r.at-1])
	}
	begin, v := r.at, uint64(0)
	for shift := 0; shift < bits; shift += 7 {
		b := r.byteOf(part, what)
		if left := bits - shift; left < 7 && b&0x7f>>left != 0 {
			break
		}
		v |= uint64(b&0x7f) << shift
		if b < 0x80 {
			return v
		}
	}
	r.fail(begin, "%s%s is no integer of %d bits", part, what, bits)
	return 0
}

// int reads a signed integer of at most so many bits.
func (r *reader) int(bits int, what string) int64 {
	if r.err == nil && r.at < r.end && r.b[r.at] < 0x80 { // nearly always
		r.at++
		return int64(int8(r.b[r.at-1]<<1) >> 1)
	}
	begin, v := r.at, int64(0)
	for shift := 0; shift < bits; shift += 7 {
		b := r.byte(what)
		v |= int64(b&0x7f) << shift
		if left := bits - shift; left < 7 { // the bits above the sign are like it
			if high := int8(b<<1) >> left; high != 0 && high != -1 || b >= 0x80 {
				break
			}
		}
		if b < 0x80 {
			if shift+7 < 64 {
				v = v << (64 - shift - 7) >> (64 - shift - 7)
			}
			return v
		}
	}
	r.fail(begin, "%s is no signed integer of %d bits", what, bits)
	return 0
}

// count reads how many items follow, of which each takes at least size bytes.
func (r *reader) count(size, most int, what string) int {
	begin := r.at
	n := r.uintOf(32, "the number of ", what)
	switch {
	case !r.ok():
		return 0
	case n > uint64(r.end-r.at)/uint64(size):
		r.fail(begin, "%d %s are announced, and %d bytes are left for them", n, what, r.end-r.at)
		return 0
	case n > uint64(most):
		r.fail(begin, "%d %s are more than the %d that are allowed", n, what, most)
		return 0
	}
	return int(n)
}

// name reads a string, which is UTF-8 and a part of the input.
func (r *reader) name(what string) []byte {
	n := r.length(what)
	begin := r.at
	b := r.bytes(uint64(n), what)
	if !utf8.Valid(b) {
		r.fail(begin, "%s is not UTF-8", what)
		return nil
	}
	return b
}

// enter reads the length of a part, and lets nothing be read beyond its end until leave is called with what it
// returns.
func (r *reader) enter(what string) (outer int) {
	n := r.length(what)
	begin := r.at
	r.bytes(uint64(n), what)
	outer, r.end = r.end, r.at
	r.at = begin
	return outer
}

// leave insists that the part was read to its end.
func (r *reader) leave(outer int, what string) {
	if r.ok() && r.at != r.end {
		r.fail(r.at, "%s ends here, but %d bytes later by its length", what, r.end-r.at)
	}
	r.end = outer
}

// quote makes foreign text fit to be shown: on one line, and not long.
func quote[T string | []byte](s T) string {
	const most = 80
	text := string(s[:min(len(s), most)])
	if len(s) > most {
		text = strings.ToValidUTF8(text, "") + "..."
	}
	return fmt.Sprintf("%q", text)
}
