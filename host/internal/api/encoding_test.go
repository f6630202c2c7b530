package api

import (
	"bytes"
	"encoding/base64"
	"slices"
	"sync"
	"testing"
)

func TestPiecesAreEncodedOnceForAll(t *testing.T) {
	var e encodings
	data := bytes.Repeat([]byte("output"), 5000)
	want := base64.StdEncoding.EncodeToString(data)
	e.enter()
	if got := e.append([]byte("x"), data); string(got) != "x"+want || len(e.byData) != 0 {
		t.Errorf("alone: %d bytes, %d pieces remembered", len(got), len(e.byData))
	}
	e.enter()
	for range 3 {
		if got := e.append([]byte("x"), data); string(got) != "x"+want || len(e.byData) != 1 {
			t.Errorf("%d bytes, %d pieces remembered", len(got), len(e.byData))
		}
	}
	if n := testing.AllocsPerRun(10, func() { e.append(make([]byte, 0, 50_000), data) }); n > 1 {
		t.Errorf("%v allocations for a piece that is known", n)
	}
	// A piece may begin where another one does, and grow.
	for _, n := range []int{20_000, 30_000, rememberedSize, 10} {
		if got := e.append(nil, data[:n]); string(got) != base64.StdEncoding.EncodeToString(data[:n]) {
			t.Errorf("other text for the first %d bytes", n)
		}
	}
	e.leave()
	if len(e.byData) != 0 {
		t.Error("pieces are remembered for one alone")
	}
	e.leave()
}

func TestFewPiecesAreRemembered(t *testing.T) {
	var e encodings
	var wg sync.WaitGroup
	pieces := make([][]byte, 3*rememberedPieces)
	for i := range pieces {
		pieces[i] = bytes.Repeat([]byte{byte(i)}, rememberedSize)
	}
	for range 8 {
		e.enter()
		wg.Go(func() {
			defer e.leave()
			for _, p := range slices.Concat(pieces, pieces) {
				if got := e.append(nil, p); string(got) != base64.StdEncoding.EncodeToString(p) {
					t.Error("other text")
				}
				e.mu.Lock()
				if len(e.byData) > rememberedPieces {
					t.Errorf("%d pieces are remembered", len(e.byData))
				}
				e.mu.Unlock()
			}
		})
	}
	wg.Wait()
}
