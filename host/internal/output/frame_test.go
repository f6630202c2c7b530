package output

import (
	"bytes"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/soltihq/solti-host/host/task"
)

func FuzzParseFrame(f *testing.F) {
	k := newKey()
	h := head{base: mark{1, 2}, stored: 3, id: "run-1"}.frame(k, 5)
	carry := frame{kind: kindCarry, data: appendPositions(append(k.UID[:], 1, 0, 0, 0), []position{{1, 2}, {1, 9}, {4, 0}})}
	for _, fr := range []frame{
		{kind: kindData, stream: task.Stdout, key: k, offset: 7, at: 9, data: []byte("hello")},
		gap{stream: task.Stderr, offset: 1, n: 2, why: whyRate, at: 3}.frame(k),
		h, carry,
	} {
		b := appendFrame(nil, &fr)
		f.Add(b)
		f.Add(b[:len(b)-1])
		f.Add(append(b, b...))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		fr, n, err := parseFrame(b)
		if err != nil {
			// Give the payload a chance: only the checksum stands between it and the decoder.
			if len(b) < headerSize || len(b) > maxFrame {
				return
			}
			b = bytes.Clone(b)
			b[0], b[1], b[2], b[3] = byte(len(b)), byte(len(b)>>8), byte(len(b)>>16), 0
			sum := checksum(b)
			b[4], b[5], b[6], b[7] = byte(sum), byte(sum>>8), byte(sum>>16), byte(sum>>24)
			if fr, n, err = parseFrame(b); err != nil {
				return
			}
		}
		if n < headerSize || n > len(b) || n > maxFrame {
			t.Fatalf("frame of %d bytes in %d", n, len(b))
		}
		if again := appendFrame(nil, &fr); !bytes.Equal(again, b[:n]) {
			t.Fatalf("encoded again it is %x, was %x", again, b[:n])
		}
		switch fr.kind {
		case kindHead:
			parseHead(fr.data)
		case kindCarry:
			parseCarry(fr.data, func(Key, []position) {})
		}
	})
}

func FuzzParseRef(f *testing.F) {
	f.Add(ref{place: inOwn, ends: mark{1 << 40, 2}}.encode())
	f.Add(ref{place: inShared, pos: []position{{1, 5}, {1, 900}, {7, 3}}}.encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := parseRef(b)
		if err != nil {
			return
		}
		again, err := parseRef(r.encode())
		if err != nil || again.place != r.place || again.ends != r.ends || !slices.Equal(again.pos, r.pos) {
			t.Fatalf("%+v became %+v, %v", r, again, err)
		}
	})
}

func TestReferenceRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := ref{
			place: rapid.SampledFrom([]place{inMemory, inShared, inOwn}).Draw(t, "place"),
			ends:  mark{rapid.Int64Range(0, maxOffset).Draw(t, "out"), rapid.Int64Range(0, maxOffset).Draw(t, "err")},
		}
		if r.place == inShared {
			for range rapid.IntRange(0, maxSmall).Draw(t, "frames") {
				r.pos = append(r.pos, position{rapid.Uint32().Draw(t, "seg"), rapid.Uint32().Draw(t, "off")})
			}
			slices.SortFunc(r.pos, position.compare)
		}
		got, err := parseRef(r.encode())
		if err != nil || got.place != r.place || got.ends != r.ends || !slices.Equal(got.pos, r.pos) {
			t.Fatalf("%+v became %+v, %v", r, got, err)
		}
	})
}
