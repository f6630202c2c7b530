package sdk

import (
	"sync"

	pluginv1 "github.com/soltihq/solti-host/shared/proto/solti/plugin/v1"
)

// A batch is a sequence of frames, with the bytes of their output side by side.
type batch struct {
	items []item
	data  []byte
	last  bool // its last item is the Exited frame
}

// An item is a frame, or n bytes of a stream.
type item struct {
	frame  *pluginv1.Frame
	stream pluginv1.Stream
	offset uint64
	n      int
}

// firstData is the first size of a batch's buffer, in bytes; the next one is maxPending.
const firstData = 4 << 10

// buffers holds the large buffers of runs that have ended.
var buffers = sync.Pool{New: func() any {
	b := make([]byte, 0, maxPending)
	return &b
}}

func (b *batch) append(p []byte) {
	if len(b.data)+len(p) > cap(b.data) {
		b.grow(len(b.data) + len(p))
	}
	b.data = append(b.data, p...)
}

func (b *batch) grow(need int) {
	if need <= firstData {
		b.data = append(make([]byte, 0, firstData), b.data...)
		return
	}
	large := *buffers.Get().(*[]byte) // the pool holds nothing else
	b.data = append(large[:0], b.data...)
}

// clear makes b empty, keeping its memory.
func (b *batch) clear() {
	clear(b.items)
	b.items, b.data, b.last = b.items[:0], b.data[:0], false
}

// free gives the memory of b back.
func (b *batch) free() {
	if cap(b.data) >= maxPending {
		data := b.data[:0]
		buffers.Put(&data)
	}
	*b = batch{}
}
