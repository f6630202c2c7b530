package output

import "sync"

// A block is a part of a file of a run's own, read and decoded once for all readers. It never changes
// once it is ready.
type block struct {
	entries []entry       // their after is not set
	end     int64         // where the file goes on after it; its beginning if nothing of it can be read
	used    int64         // bytes of memory
	ready   chan struct{} // closed when the fields above are set
	at      blockAt
}

// blockAt says where in a run's own files a block begins.
type blockAt struct {
	seg uint32
	off int64
}

const (
	blockSize = 256 << 10 // bytes of file in a block; more only if one frame has more
	blockCost = 160       // bytes of memory of a block beside its entries
)

// blocks are those that readers share: every reader begins a segment at its beginning and goes on
// where a block ends, so that readers which follow each other ask for the same ones. A run that has
// no reader behind its ring has none.
type blocks struct {
	most int64 // bytes of memory of all blocks
	each int64 // and of one run

	mu   sync.Mutex // guards what follows, and shelves; never held during I/O
	runs map[Key]*shelf
	used int64
}

// A shelf holds the blocks of a run.
type shelf struct {
	key     Key
	readers int
	index   map[blockAt]*block
	order   []*block // those that are ready, in the order in which they were read
	used    int64
}

// enter returns a run's shelf, for a reader more.
func (c *blocks) enter(k Key) *shelf {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.runs[k]
	if s == nil {
		s = &shelf{key: k, index: make(map[blockAt]*block)}
		c.runs[k] = s
	}
	s.readers++
	return s
}

// leave says that a reader has gone. The last one takes the blocks along.
func (c *blocks) leave(s *shelf) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s.readers--; s.readers == 0 {
		c.used -= s.used
		delete(c.runs, s.key)
	}
}

// get returns the block that begins at a place. If nobody has it, read makes it; who asks meanwhile
// waits for that. What cannot be read is tried anew by the next who asks.
func (c *blocks) get(s *shelf, at blockAt, read func(*block)) *block {
	c.mu.Lock()
	b := s.index[at]
	if b != nil {
		c.mu.Unlock()
		<-b.ready
		return b
	}
	b = &block{at: at, end: at.off, ready: make(chan struct{})}
	s.index[at] = b
	c.mu.Unlock()
	defer close(b.ready)
	read(b)

	c.mu.Lock()
	defer c.mu.Unlock()
	if b.end == at.off {
		delete(s.index, at)
		return b
	}
	s.order = append(s.order, b)
	s.used += b.used
	c.used += b.used
	c.shrink(s)
	if c.used > c.most {
		for _, o := range c.runs {
			c.shrink(o)
		}
	}
	return b
}

// shrink forgets what was read first of a run, until it is within its share: a block for each reader,
// at most. A lone reader shares with nobody. The caller holds c.mu.
func (c *blocks) shrink(s *shelf) {
	limit := min(c.each, c.most/int64(len(c.runs)), int64(s.readers-1)*(blockSize+blockSize/4))
	n := 0
	for ; s.used > limit && n < len(s.order); n++ {
		b := s.order[n]
		s.used -= b.used
		c.used -= b.used
		delete(s.index, b.at)
		s.order[n] = nil
	}
	s.order = s.order[n:]
}

// readBlock reads a block of at least most bytes of file, if there are so many before limit.
func (d *disk) readBlock(b *block, k Key, most, limit int64) error {
	n := min(limit-b.at.off, max(most, maxFrame))
	raw, err := d.read(ownName(k, b.at.seg), b.at.off, int(n))
	if err != nil {
		return err
	}
	entries, size := decode(k, raw, int(most))
	b.entries, b.end = entries, b.at.off+int64(size)
	b.used = blockCost + int64(len(raw))
	for i := range entries {
		b.used += entryCost
		if cap(entries[i].data) > len(entries[i].data) { // joined, and so no part of raw
			b.used += int64(cap(entries[i].data))
		}
	}
	return nil
}

// decode returns what the whole frames at the beginning of raw tell of a run, and how long they are.
// It stops after most bytes. Small pieces that belong together are joined; the others stay in raw.
func decode(k Key, raw []byte, most int) (entries []entry, n int) {
	for n < most {
		f, size, err := parseFrame(raw[n:])
		if err != nil {
			break
		}
		n += size
		if f.kind != kindData && f.kind != kindGap || f.key != k {
			continue
		}
		if len(entries) > 0 && entries[len(entries)-1].join(&f) {
			continue
		}
		data := f.data[:len(f.data):len(f.data)]
		entries = append(entries, entry{stream: f.stream, offset: f.offset, data: data, gap: f.gap, why: f.why, at: f.at})
	}
	return entries, n
}

// join appends a frame to an entry of a block, if it is the next piece of its stream, from the same
// moment, and both are small.
func (e *entry) join(f *frame) bool {
	if f.kind != kindData || e.gap > 0 || f.stream != e.stream || f.offset != e.offset+int64(len(e.data)) ||
		f.at < e.at || f.at-e.at > coalesce || len(e.data) >= pieceLarge || len(e.data)+len(f.data) > maxData {
		return false
	}
	e.data = append(e.data, f.data...)
	return true
}
