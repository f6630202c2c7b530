package output

import (
	"os"
	"sync"
	"time"

	"github.com/soltihq/solti-host/host/task"
)

// A Writer takes the output of one run. Its methods may be called from any goroutine. They never
// wait for a reader and never fail: what cannot be kept becomes a gap.
type Writer struct {
	s    *Store
	r    *run
	lent bool // Create has returned it; guarded by Store.mu

	mu     sync.Mutex // guards what follows, and orders writes; held during I/O
	id     string
	file   *os.File // last segment of the run's own directory; nil until it is written to
	small  int64    // bytes of data in shared segments
	bucket bucket
	note   note
	done   bool
	sum    Summary
}

// A Summary says how much a run wrote and where it is.
type Summary struct {
	Stdout  int64  // bytes produced, kept or not
	Stderr  int64  // likewise
	Dropped int64  // of both, bytes that are not kept
	Ref     []byte // gives Follow the output back, also after a restart; never empty, at most 200 bytes
}

// Write takes data, which follows offset bytes of its stream. Bytes that were written before are
// ignored; bytes left out become a gap. The zero time means now. Data is not kept.
func (w *Writer) Write(stream task.Stream, offset int64, data []byte, at time.Time) {
	if !validRange(stream, offset, int64(len(data))) {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	nano := stamp(at)
	if !w.reach(stream, offset, nano) {
		return
	}
	skip := w.r.tally.ends[stream-1] - offset
	if skip >= int64(len(data)) {
		return
	}
	for data = data[skip:]; len(data) > 0; {
		n := min(len(data), maxData)
		w.piece(stream, data[:n], nano)
		data = data[n:]
	}
}

// Gap says that the n bytes of a stream that follow its first offset bytes are lost, and why.
func (w *Writer) Gap(stream task.Stream, offset, n int64, why string, at time.Time) {
	if !validRange(stream, offset, n) {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	nano := stamp(at)
	if !w.reach(stream, offset, nano) {
		return
	}
	if n -= w.r.tally.ends[stream-1] - offset; n > 0 {
		w.gap(stream, n, clip(why), DropSource, nano)
		w.takeNote()
	}
}

// Offsets returns how many bytes of each stream the writer has seen: where its source goes on.
func (w *Writer) Offsets() (stdout, stderr int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.r.tally.ends[0], w.r.tally.ends[1]
}

// Close ends the output. Followers get what there is, and then io.EOF. A further Close returns the
// same.
func (w *Writer) Close() Summary {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.done {
		w.finish()
	}
	return w.sum
}

// reach makes a gap of what lies between the end of a stream and offset. It reports whether the
// writer still takes output.
func (w *Writer) reach(stream task.Stream, offset, at int64) bool {
	if w.done {
		return false
	}
	if n := offset - w.r.tally.ends[stream-1]; n > 0 {
		w.gap(stream, n, whyMissing, DropSource, at)
	}
	return true
}

// piece stores at most maxData bytes, or makes a gap of them.
func (w *Writer) piece(stream task.Stream, data []byte, at int64) {
	n := int64(len(data))
	if w.s.opt.Rate > 0 && !w.bucket.take(n, w.s.opt.Rate, time.Now()) {
		w.gap(stream, n, whyRate, DropRate, at)
		w.takeNote()
		return
	}
	f := frame{kind: kindData, stream: stream, key: w.r.key, offset: w.r.tally.ends[stream-1], at: at, data: data}
	if err := w.save(&f); err != nil {
		w.s.complain(err)
		w.gap(stream, n, whyDisk(err), DropDisk, at)
		return
	}
	w.s.obs.Written(stream, n)
}

// gap counts n bytes as lost. They are written with the next frame.
func (w *Writer) gap(stream task.Stream, n int64, why string, class Drop, at int64) {
	r := w.r
	r.mu.Lock()
	end := &r.tally.ends[stream-1]
	r.pending.add(gap{stream: stream, offset: *end, n: n, why: why, at: at})
	*end += n
	r.tell()
	r.mu.Unlock()
	w.s.obs.Dropped(class, n)
}

// save writes what is pending and f, if it is not nil, to where the run's frames go, and then shows
// it to readers.
func (w *Writer) save(f *frame) error {
	b := w.pending()
	defer w.s.reuse(b)
	if f != nil {
		b.add(*f, w.s.disk != nil)
	}
	switch {
	case w.s.disk == nil:
		w.publish(b, func(*kept) {})
		return nil
	case w.r.kept.place == inOwn:
		return w.saveOwn(b)
	case w.r.kept.npos+len(b.frames) <= maxSmall && w.small+b.data <= w.s.opt.Small:
		return w.saveShared(b)
	default:
		return w.promote(b)
	}
}

// pending returns a batch of the gaps that are pending.
func (w *Writer) pending() *batch {
	b := w.s.batch()
	for _, g := range w.r.pending {
		b.add(g.frame(w.r.key), w.s.disk != nil)
	}
	return b
}

// publish shows a batch that has been stored, and begins with what was pending, to readers; change
// says where it is.
func (w *Writer) publish(b *batch, change func(*kept)) {
	r := w.r
	var grown, lost int64
	r.mu.Lock()
	change(&r.kept)
	if r.ring == nil && w.s.disk == nil {
		r.ring = newRing(mark{})
		grown = r.ring.used
		w.s.rings.Add(1)
	}
	for i := range b.frames {
		f := &b.frames[i]
		r.tally.saved[f.stream-1] = f.offset + f.size()
		r.tally.stored += int64(len(f.data))
		if r.ring != nil {
			g, l := r.ring.add(f, w.s.ringLimit())
			grown, lost = grown+g, lost+l
		}
	}
	r.tally.ends[0] = max(r.tally.ends[0], r.tally.saved[0])
	r.tally.ends[1] = max(r.tally.ends[1], r.tally.saved[1])
	r.pending = r.pending[:0]
	if w.s.disk == nil {
		r.tally.rotated += lost
	}
	r.tell()
	r.mu.Unlock()
	w.s.ringUsed.Add(grown)
	w.s.trim()
	if w.s.disk == nil && lost > 0 {
		w.s.obs.Dropped(DropRotated, lost)
	}
}

// finish writes what is pending, if it can, and ends the run.
func (w *Writer) finish() {
	r := w.r
	w.done = true
	if len(r.pending) > 0 {
		if err := w.save(nil); err != nil {
			w.s.complain(err)
		}
	}
	if w.file != nil {
		if w.s.opt.SyncOnClose {
			w.s.complain(w.file.Sync())
		}
		w.s.complain(w.file.Close())
		w.file = nil
	}
	w.s.leaveShared(r)
	freed := w.s.end(r)
	w.s.ringUsed.Add(-freed)
	ends := r.tally.ends
	ref := ref{place: r.kept.place, ends: ends, pos: r.kept.pos[:r.kept.npos]}
	w.sum = Summary{Stdout: ends[0], Stderr: ends[1], Dropped: r.tally.dropped(), Ref: ref.encode()}
}
