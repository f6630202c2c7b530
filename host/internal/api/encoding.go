package api

import (
	"encoding/base64"
	"sync"
)

// encodings remember the base64 of the pieces of output that were written last. Those who follow one
// task are given the same pieces, in the same memory, one after the other: the first one encodes.
type encodings struct {
	mu     sync.Mutex // guards what follows; never held while encoding
	users  int
	byData map[*byte]encoding // by the first byte of the piece, which the map keeps from being used anew
	order  [rememberedPieces]*byte
	next   int // in order: what goes for the next piece
}

// An encoding is the text of so many bytes.
type encoding struct {
	n    int
	text []byte // never changed
}

const (
	rememberedPieces = 128     // 32 KiB each, at most, and a third more for their text
	rememberedSize   = 4 << 10 // smaller pieces are not worth it
)

// enter says that there is one more who encodes; with one alone there is nothing to remember.
func (e *encodings) enter() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.users++
}

// leave is the end of enter.
func (e *encodings) leave() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.users--; e.users < 2 {
		e.byData, e.order, e.next = nil, [rememberedPieces]*byte{}, 0
	}
}

// append appends the base64 of data to b. Data must never change.
func (e *encodings) append(b, data []byte) []byte {
	if e == nil || len(data) < rememberedSize {
		return base64.StdEncoding.AppendEncode(b, data)
	}
	e.mu.Lock()
	known, shared := e.byData[&data[0]], e.users > 1
	e.mu.Unlock()
	if known.n == len(data) {
		return append(b, known.text...)
	}
	start := len(b)
	b = base64.StdEncoding.AppendEncode(b, data)
	if shared {
		e.remember(data, append([]byte(nil), b[start:]...))
	}
	return b
}

// remember keeps the text of data, in place of what was kept first.
func (e *encodings) remember(data, text []byte) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.users < 2 {
		return
	}
	if e.byData == nil {
		e.byData = make(map[*byte]encoding, rememberedPieces)
	}
	key := &data[0]
	if _, known := e.byData[key]; !known {
		delete(e.byData, e.order[e.next])
		e.order[e.next] = key
		e.next = (e.next + 1) % rememberedPieces
	}
	e.byData[key] = encoding{n: len(data), text: text}
}
