package process

import "sync"

// chunk is how much output is read at once: as much as one frame carries.
const chunk = 32 << 10

// buffers holds what output is read into. An attempt has one only while it reads.
type buffers struct{ pool sync.Pool }

func (b *buffers) get() *[chunk]byte {
	if buf, ok := b.pool.Get().(*[chunk]byte); ok {
		return buf
	}
	return new([chunk]byte)
}

func (b *buffers) put(buf *[chunk]byte) { b.pool.Put(buf) }
