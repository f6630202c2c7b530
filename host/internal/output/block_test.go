package output

import (
	"bytes"
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"github.com/soltihq/solti-host/host/task"
)

// Readers that start together read a file once between them: what one delivers is in the same memory
// as what the others do.
func TestReadersShareBlocks(t *testing.T) {
	s, _ := setup(t, Options{})
	k := newKey()
	w := create(t, s, k)
	for range 64 {
		say(w, task.Stdout, strings.Repeat("x", maxData))
	}
	sum := w.Close()
	var readers []*Reader
	for range 20 {
		readers = append(readers, s.Follow(k, sum.Ref, task.Cursor{}, Filter{}))
	}
	places := make(map[int64]map[*byte]bool)
	for {
		ended := 0
		for _, rd := range readers {
			c, err := rd.Next(t.Context())
			if errors.Is(err, io.EOF) {
				ended++
				continue
			}
			if err != nil || len(c.Data) == 0 {
				t.Fatalf("%+v, %v", c, err)
			}
			if places[c.Offset] == nil {
				places[c.Offset] = make(map[*byte]bool)
			}
			places[c.Offset][&c.Data[0]] = true
		}
		if ended > 0 {
			if ended != len(readers) {
				t.Errorf("%d readers ended before the others", ended)
			}
			break
		}
	}
	for at, of := range places {
		if len(of) != 1 && at >= blockSize { // the first reader came to the first block alone
			t.Errorf("%d copies of the bytes at %d, want 1", len(of), at)
		}
	}
	if s.blocks.used == 0 || s.blocks.used > s.opt.RingTotal/8 {
		t.Errorf("%d bytes of blocks", s.blocks.used)
	}
	for _, rd := range readers {
		rd.Close()
	}
	if s.blocks.used != 0 || len(s.blocks.runs) != 0 {
		t.Errorf("after the last reader: %d bytes in %d runs", s.blocks.used, len(s.blocks.runs))
	}
}

// However many runs and readers there are, what they share is bounded, and a lone reader keeps nothing.
func TestMemoryOfBlocksIsBounded(t *testing.T) {
	const total = 4 << 20
	s, _ := setup(t, Options{RingTotal: total})
	var refs [][]byte
	var keys []Key
	for range 12 {
		k := newKey()
		w := create(t, s, k)
		for range 40 {
			say(w, task.Stdout, strings.Repeat("x", maxData))
		}
		keys, refs = append(keys, k), append(refs, w.Close().Ref)
	}
	var readers []*Reader
	for n := range 3 * len(keys) {
		i := n % len(keys)
		rd := s.Follow(keys[i], refs[i], task.Cursor{}, Filter{})
		defer rd.Close()
		readers = append(readers, rd)
		for range 20 {
			for _, rd := range readers {
				if _, err := rd.Next(t.Context()); err != nil && !errors.Is(err, io.EOF) {
					t.Fatal(err)
				}
			}
			if s.blocks.used > total {
				t.Fatalf("%d bytes of blocks, want at most %d", s.blocks.used, total)
			}
			if n < len(keys) && s.blocks.used > 0 {
				t.Fatalf("%d bytes of blocks that nobody shares", s.blocks.used)
			}
		}
		if err := s.blocks.check(); err != "" {
			t.Fatal(err)
		}
	}
}

// check compares the sums of blocks with what there is.
func (c *blocks) check() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var all int64
	for k, s := range c.runs {
		var used int64
		for _, b := range s.order {
			used += b.used
			if s.index[b.at] != b {
				return "a block of " + k.String() + " cannot be found"
			}
		}
		if used != s.used || s.readers < 1 || len(s.index) != len(s.order) {
			return "the shelf of " + k.String() + " is out of order"
		}
		all += used
	}
	if all != c.used {
		return "the blocks have another size than was counted"
	}
	return ""
}

// Many ask for the same block at once, also for one that cannot be read: it is read by one of them.
func TestABlockIsReadOnceAtATime(t *testing.T) {
	c := blocks{most: 1 << 20, each: 1 << 20, runs: make(map[Key]*shelf)}
	k := newKey()
	var mu sync.Mutex
	reads := make(map[blockAt]int)
	var wg sync.WaitGroup
	begin := make(chan struct{})
	for range 50 {
		s := c.enter(k)
		wg.Go(func() {
			<-begin
			for off := range int64(20) {
				at := blockAt{1, off}
				b := c.get(s, at, func(b *block) {
					mu.Lock()
					defer mu.Unlock()
					reads[at]++
					if off%5 != 4 {
						b.end, b.used = off+1, 1
					}
				})
				if want := off + 1; b.end != want && off%5 != 4 {
					t.Errorf("block at %d ends at %d, want %d", off, b.end, want)
				}
			}
		})
	}
	close(begin)
	wg.Wait()
	for at, n := range reads {
		if n != 1 && at.off%5 != 4 {
			t.Errorf("block at %d was read %d times", at.off, n)
		}
	}
	if err := c.check(); err != "" {
		t.Error(err)
	}
}

// What is decoded of a file are its bytes, in order, wherever it is cut into blocks.
func TestDecodeLosesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		k := newKey()
		var raw []byte
		var want [2][]byte
		at := int64(1e9)
		for range rapid.IntRange(0, 60).Draw(t, "frames") {
			at += rapid.SampledFrom([]int64{0, 1, coalesce, coalesce + 1}).Draw(t, "later")
			st := stream(t)
			f := frame{kind: kindData, stream: st, key: k, at: at, offset: int64(len(want[st-1]))}
			switch rapid.IntRange(0, 9).Draw(t, "kind") {
			case 0:
				f.kind, f.gap, f.why = kindGap, 3, "why"
				want[st-1] = append(want[st-1], "???"...)
			case 1:
				f.key = newKey() // of somebody else, to be passed over
				f.data = []byte("other")
			default:
				n := rapid.SampledFrom([]int{1, 10, 5000, pieceLarge, maxData}).Draw(t, "n")
				f.data = bytes.Repeat([]byte{byte(len(want[st-1]))}, n)
				want[st-1] = append(want[st-1], f.data...)
			}
			raw = appendFrame(raw, &f)
		}
		torn := rapid.IntRange(0, min(20, len(raw))).Draw(t, "torn")
		whole := raw
		if torn > 0 {
			raw = append(slices.Clone(raw), make([]byte, torn)...)
		}
		var got [2][]byte
		most := rapid.SampledFrom([]int{1, 100, 6000, 1 << 20}).Draw(t, "most")
		for off := 0; ; {
			entries, n := decode(k, raw[off:], most)
			for _, e := range entries {
				g := &got[e.stream-1]
				if e.offset != int64(len(*g)) || len(e.data) > maxData || (len(e.data) == 0) == (e.gap == 0) {
					t.Fatalf("an entry of %v at %d with %d bytes and a gap of %d, after %d", e.stream, e.offset, len(e.data), e.gap, len(*g))
				}
				*g = append(append(*g, e.data...), strings.Repeat("?", int(e.gap))...)
			}
			if off += n; n == 0 {
				if off != len(whole) {
					t.Fatalf("stopped at %d of %d", off, len(whole))
				}
				break
			}
		}
		for i := range want {
			if !bytes.Equal(got[i], want[i]) {
				t.Fatalf("stream %d: %d bytes, want %d, or others", i+1, len(got[i]), len(want[i]))
			}
		}
	})
}

// A block that could not be read is tried again by the next reader.
func TestWhatCannotBeReadIsTriedAgain(t *testing.T) {
	s, _ := setup(t, Options{Small: 1})
	k := newKey()
	w := create(t, s, k)
	say(w, task.Stdout, "hello")
	sum := w.Close()
	names := ownName(k, 1)
	if err := s.disk.root.Rename(names, "away"); err != nil {
		t.Fatal(err)
	}
	first := s.Follow(k, nil, task.Cursor{}, Filter{})
	defer first.Close()
	if c, err := first.Next(context.Background()); err != nil || c.Gap != 5 {
		t.Errorf("of a file that is away: %+v, %v", c, err)
	}
	if err := s.disk.root.Rename("away", names); err != nil {
		t.Fatal(err)
	}
	if x := read(t, s, k, sum.Ref, mark{}, 0); string(x.stream[0]) != "hello" {
		t.Errorf("of a file that is back: %q", x.stream[0])
	}
}
