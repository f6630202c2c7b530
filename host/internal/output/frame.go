package output

import (
	"encoding/binary"
	"errors"
	"hash/crc32"

	"github.com/soltihq/solti-host/host/task"
)

// A frame on disk: length of the whole u32, CRC-32C of all but itself u32, kind and stream u8, task
// uid 16 bytes, attempt u32, offset u64, time in ns since 1970 i64, payload. Little endian.
const (
	headerSize = 4 + 4 + 1 + 16 + 4 + 8 + 8
	maxData    = 32 << 10 // bytes of payload
	maxFrame   = headerSize + maxData
	maxWhy     = 200     // bytes of a gap's reason
	maxOffset  = 1 << 60 // no stream is longer; sums of a few never overflow
)

// The kinds of frames. They sit above the two bits of the stream.
const (
	kindData  = 1 << 2 // bytes of a stream
	kindGap   = 2 << 2 // u64 bytes of a stream are missing; the rest of the payload says why
	kindHead  = 3 << 2 // first in every segment; see head
	kindCarry = 4 << 2 // positions of runs that were live when a shared segment began; see shared.go

	streamBits = 3
)

// Ways in which bytes are not a frame.
var (
	errShort   = errors.New("the frame goes on beyond what was read")
	errCorrupt = errors.New("not a frame")
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// A frame is the decoded form. Its data points into what was decoded.
type frame struct {
	kind   byte
	stream task.Stream
	key    Key
	offset int64
	at     int64 // ns since 1970
	data   []byte
	gap    int64
	why    string
}

// size returns how much of the stream the frame stands for.
func (f *frame) size() int64 { return int64(len(f.data)) + f.gap }

// appendFrame appends the encoded f to b. Payload and reason must be within their limits.
func appendFrame(b []byte, f *frame) []byte {
	start := len(b)
	b = append(b, 0, 0, 0, 0, 0, 0, 0, 0, f.kind|byte(f.stream))
	b = append(b, f.key.UID[:]...)
	b = binary.LittleEndian.AppendUint32(b, uint32(f.key.Attempt))
	b = binary.LittleEndian.AppendUint64(b, uint64(f.offset))
	b = binary.LittleEndian.AppendUint64(b, uint64(f.at))
	if f.kind == kindGap {
		b = binary.LittleEndian.AppendUint64(b, uint64(f.gap))
		b = append(b, f.why...)
	} else {
		b = append(b, f.data...)
	}
	binary.LittleEndian.PutUint32(b[start:], uint32(len(b)-start))
	binary.LittleEndian.PutUint32(b[start+4:], checksum(b[start:]))
	return b
}

func checksum(b []byte) uint32 {
	return crc32.Update(crc32.Checksum(b[:4], castagnoli), castagnoli, b[8:])
}

// parseFrame decodes the frame at the beginning of b and returns its length. It returns errShort if
// b may be the beginning of a frame, and errCorrupt if it cannot be.
func parseFrame(b []byte) (frame, int, error) {
	if len(b) < 4 {
		return frame{}, 0, errShort
	}
	n := int64(binary.LittleEndian.Uint32(b))
	if n < headerSize || n > maxFrame {
		return frame{}, 0, errCorrupt
	}
	if int64(len(b)) < n {
		return frame{}, int(n), errShort
	}
	b = b[:n]
	if binary.LittleEndian.Uint32(b[4:]) != checksum(b) {
		return frame{}, 0, errCorrupt
	}
	f := frame{kind: b[8] &^ streamBits, stream: task.Stream(b[8] & streamBits)}
	copy(f.key.UID[:], b[9:])
	f.key.Attempt = int(int32(binary.LittleEndian.Uint32(b[25:])))
	f.offset = int64(binary.LittleEndian.Uint64(b[29:]))
	f.at = int64(binary.LittleEndian.Uint64(b[37:]))
	if !f.fill(b[headerSize:]) {
		return frame{}, 0, errCorrupt
	}
	return f, int(n), nil
}

// fill sets what the payload holds and reports whether f makes sense.
func (f *frame) fill(payload []byte) bool {
	switch f.kind {
	case kindData:
		f.data = payload
	case kindGap:
		if len(payload) < 8 || len(payload) > 8+maxWhy {
			return false
		}
		f.gap = int64(binary.LittleEndian.Uint64(payload))
		f.why = string(payload[8:])
	case kindHead, kindCarry:
		f.data = payload
		return f.stream == 0
	default:
		return false
	}
	return validRange(f.stream, f.offset, f.size())
}

// validRange reports whether n bytes at offset can be a piece of a stream.
func validRange(s task.Stream, offset, n int64) bool {
	return (s == task.Stdout || s == task.Stderr) && offset >= 0 && n > 0 && offset <= maxOffset-min(n, maxOffset)
}

// A head is the payload of the frame that begins a segment.
type head struct {
	base   mark  // of an own segment: everything before it lies in earlier ones
	stored int64 // of an own segment: bytes of data written to earlier ones; of a shared one: frames of kind carry that follow
	id     string
}

const (
	headVersion = 1
	maxID       = 512 // bytes
)

// frame returns h as a frame of k.
func (h head) frame(k Key, at int64) frame {
	b := []byte{headVersion}
	b = binary.LittleEndian.AppendUint64(b, uint64(h.base[0]))
	b = binary.LittleEndian.AppendUint64(b, uint64(h.base[1]))
	b = binary.LittleEndian.AppendUint64(b, uint64(h.stored))
	b = append(b, h.id[:min(len(h.id), maxID)]...)
	return frame{kind: kindHead, key: k, at: at, data: b}
}

// parseHead decodes the payload of a head.
func parseHead(b []byte) (head, bool) {
	if len(b) < 25 || len(b) > 25+maxID || b[0] != headVersion {
		return head{}, false
	}
	h := head{
		base: mark{
			int64(binary.LittleEndian.Uint64(b[1:])),
			int64(binary.LittleEndian.Uint64(b[9:])),
		},
		stored: int64(binary.LittleEndian.Uint64(b[17:])),
		id:     string(b[25:]),
	}
	for _, v := range []int64{h.base[0], h.base[1], h.stored} {
		if v < 0 || v > 2*maxOffset {
			return head{}, false
		}
	}
	return h, true
}
