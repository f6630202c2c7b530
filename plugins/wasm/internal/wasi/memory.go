package wasi

import (
	"encoding/binary"
	"strings"
	"unicode/utf8"

	"github.com/tetratelabs/wazero/api"
)

// maxPath is the length of the longest path that is looked at, as in Linux.
const maxPath = 4096

// A memory is the guest's, if it has one.
type memory struct {
	api.Memory
	there bool
}

// view returns n bytes of the guest's memory itself. It is valid until the guest goes on.
func (m memory) view(at, n uint64) ([]byte, bool) {
	if !m.there || at > 1<<32-1 || n > 1<<32-1 {
		return nil, false
	}
	return m.Read(uint32(at), uint32(n))
}

func (m memory) put16(at uint64, v uint16) Errno {
	b, ok := m.view(at, 2)
	if !ok {
		return eFault
	}
	binary.LittleEndian.PutUint16(b, v)
	return success
}

func (m memory) put32(at uint64, v uint32) Errno {
	b, ok := m.view(at, 4)
	if !ok {
		return eFault
	}
	binary.LittleEndian.PutUint32(b, v)
	return success
}

func (m memory) put64(at, v uint64) Errno {
	b, ok := m.view(at, 8)
	if !ok {
		return eFault
	}
	binary.LittleEndian.PutUint64(b, v)
	return success
}

// path reads a path or the text of a link.
func (m memory) path(at, n uint64) (string, Errno) {
	if n > maxPath {
		return "", eNameTooLon
	}
	b, ok := m.view(at, n)
	switch {
	case !ok:
		return "", eFault
	case !utf8.Valid(b):
		return "", eIlseq
	}
	s := string(b)
	if strings.IndexByte(s, 0) >= 0 {
		return "", eInval
	}
	return s, success
}

// vectors calls each for the buffers of an iovec array, until it returns false.
func (m memory) vectors(at, count uint64, each func(b []byte) bool) Errno {
	list, ok := m.view(at, count*8) // both are below 1<<32
	if !ok {
		return eFault
	}
	for ; len(list) > 0; list = list[8:] {
		b, ok := m.view(uint64(binary.LittleEndian.Uint32(list)), uint64(binary.LittleEndian.Uint32(list[4:])))
		if !ok {
			return eFault
		}
		if len(b) > 0 && !each(b) {
			break
		}
	}
	return success
}
