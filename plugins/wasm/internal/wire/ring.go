package wire

import (
	"encoding/binary"
	"fmt"
)

// A record in the ring is a word, then its bytes, then nothing up to a multiple of four. The word has the
// stream in its lowest byte and the number of bytes above it. A mark is a record of eight bytes with its stream
// marked: how many bytes of the stream were discarded up to here in all. Records may run over the end of the ring to
// its beginning, the word never does.
const (
	wordSize  = 4
	MaxOutput = 32 << 10 // bytes of one record, and of one call of an [Outlet]
)

func padded(n int) uint64 { return uint64(wordSize + (n+3)&^3) }

const (
	marked   = 0x80 // beside a stream: the record is a mark
	markSize = 8
)

// put writes a record if there is room for it, and reports how full the ring was and is.
func (s *shared) put(stream Stream, p []byte) (before, after uint64, ok bool) {
	head, tail := s.words.head.Load(), s.words.tail.Load()
	before = head - tail
	after = before + padded(len(p))
	if after > ringSize {
		return before, before, false
	}
	at := head % ringSize
	binary.LittleEndian.PutUint32(s.ring[at:], uint32(stream)|uint32(len(p))<<8)
	at = (at + wordSize) % ringSize
	n := copy(s.ring[at:], p)
	copy(s.ring[:], p[n:])
	s.words.head.Store(head + padded(len(p)))
	return before, after, true
}

// A taker is the plugin's end of a ring. It trusts nothing that it finds there.
type taker struct {
	*shared
	tail uint64 // as words.tail, which a worker could change
}

// filled returns how many bytes wait.
func (t *taker) filled() (uint64, error) {
	n := t.words.head.Load() - t.tail
	if n > ringSize || n%wordSize != 0 {
		return 0, fmt.Errorf("%w: the ring cannot hold %d bytes", ErrProtocol, n)
	}
	return n, nil
}

// A piece is what was taken from the ring: n bytes of a stream, or its mark. Without a stream it is nothing.
type piece struct {
	stream Stream
	n      int
	marked bool
	total  uint64 // of a mark
}

// take copies records of one stream to the beginning of buf, as many as fit and are there, or reads one mark.
// A record is at most as large as buf, which has MaxOutput bytes.
func (t *taker) take(buf []byte) (got piece, err error) {
	filled, err := t.filled()
	if err != nil {
		return got, err
	}
	for filled > 0 && !got.marked {
		word := binary.LittleEndian.Uint32(t.ring[t.tail%ringSize:])
		stream, size, mark := Stream(word)&^marked, int(word>>8), word&marked != 0
		if stream != Stdout && stream != Stderr || size == 0 || size > MaxOutput || padded(size) > filled || mark && size != markSize {
			return piece{}, fmt.Errorf("%w: a record of %d bytes for %v", ErrProtocol, size, Stream(word))
		}
		if got.stream != 0 && (mark || stream != got.stream || got.n+size > len(buf)) {
			break
		}
		got.stream = stream
		t.copy(buf[got.n : got.n+size])
		if mark {
			got.marked, got.total = true, binary.LittleEndian.Uint64(buf)
		} else {
			got.n += size
		}
		t.tail += padded(size)
		filled -= padded(size)
	}
	t.words.tail.Store(t.tail)
	return got, nil
}

// copy copies the bytes of the next record.
func (t *taker) copy(buf []byte) {
	n := copy(buf, t.ring[(t.tail+wordSize)%ringSize:])
	copy(buf[n:], t.ring[:])
}
