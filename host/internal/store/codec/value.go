package codec

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
)

// Version is the version byte of the values that this package writes, the only one it reads.
const Version = 1

const overhead = 1 + crc32.Size

// castagnoli is a constant: crc32.MakeTable returns the same table each time.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Begin starts a value at the end of b. The payload is appended next, then End is called.
func Begin(b []byte) []byte { return append(b, Version) }

// End completes the value that begins at start.
func End(b []byte, start int, bucket string, key []byte) []byte {
	return binary.LittleEndian.AppendUint32(b, checksum(bucket, key, b[start:]))
}

// Open checks a value and returns its payload, which is a part of it.
func Open(bucket string, key, value []byte) ([]byte, error) {
	if len(value) < overhead {
		return nil, fmt.Errorf("%d bytes are too few for a value", len(value))
	}
	if value[0] != Version {
		return nil, fmt.Errorf("value has version %d, this host reads version %d", value[0], Version)
	}
	body := value[:len(value)-crc32.Size]
	if checksum(bucket, key, body) != binary.LittleEndian.Uint32(value[len(body):]) {
		return nil, fmt.Errorf("checksum of %d bytes does not match", len(value))
	}
	return body[1:], nil
}

func checksum(bucket string, key, body []byte) uint32 {
	var name [16]byte
	sum := crc32.Update(0, castagnoli, name[:copy(name[:], bucket)])
	sum = crc32.Update(sum, castagnoli, key)
	return crc32.Update(sum, castagnoli, body)
}
