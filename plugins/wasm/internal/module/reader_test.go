package module

import (
	"encoding/binary"
	"testing"

	"pgregory.net/rapid"

	"github.com/soltihq/solti-host/plugins/wasm/internal/moduletest"
)

func TestIntegersAreReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		u := rapid.Uint64().Draw(t, "u")
		if r := over(binary.AppendUvarint(nil, u)); r.uint(64, "x") != u || !r.ok() || r.more() {
			t.Fatalf("%d: %v", u, r.err)
		}
		i := rapid.Int64().Draw(t, "i")
		if r := over(moduletest.Int(i)); r.int(64, "x") != i || !r.ok() || r.more() {
			t.Fatalf("%d: %v", i, r.err)
		}
		if r := over(moduletest.Int(i)); (i >= -1<<32 && i < 1<<32) != (r.int(33, "x") == i && r.ok()) {
			t.Fatalf("%d as 33 bits: %v", i, r.err)
		}
		small := rapid.Int32().Draw(t, "small")
		if r := over(appendInt(nil, small)); r.int(32, "x") != int64(small) || !r.ok() {
			t.Fatalf("%d: %v", small, r.err)
		}
	})
}

func TestIntegersThatDoNotFit(t *testing.T) {
	for _, c := range []struct {
		bytes string
		bits  int
		ok    bool
	}{
		{"\xff\xff\xff\xff\x0f", 32, true},
		{"\xff\xff\xff\xff\x1f", 32, false},
		{"\x80\x80\x80\x80\x00", 32, true}, // longer than it needs to be
		{"\x80\x80\x80\x80\x80\x00", 32, false},
		{"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 64, true},
		{"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 64, false},
		{"\x80", 32, false},
		{"", 32, false},
	} {
		r := over([]byte(c.bytes))
		if r.uint(c.bits, "x"); c.ok != r.ok() {
			t.Errorf("% x: %v", c.bytes, r.err)
		}
	}
	for _, c := range []struct {
		bytes string
		bits  int
		ok    bool
	}{
		{"\xff\xff\xff\xff\x7f", 32, true},  // -1, at length
		{"\xff\xff\xff\xff\x07", 32, true},  // the largest
		{"\x80\x80\x80\x80\x78", 32, true},  // the smallest
		{"\xff\xff\xff\xff\x0f", 32, false}, // 2^32-1
		{"\xff\xff\xff\xff\x0f", 33, true},
		{"\x80\x80\x80\x80\x70", 32, false},
		{"\x80\x80\x80\x80\x70", 33, true},
		{"\x80\x80\x80\x80\x80\x00", 33, false},
		{"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x7f", 64, true},
		{"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x7e", 64, false},
		{"\xff", 32, false},
	} {
		if r := over([]byte(c.bytes)); r.int(c.bits, "x") == 0 && c.ok || c.ok != r.ok() {
			t.Errorf("% x as %d bits: %v", c.bytes, c.bits, r.err)
		}
	}
}

func over(b []byte) *reader { return &reader{b: b, end: len(b)} }
