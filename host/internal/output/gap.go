package output

import (
	"errors"
	"io/fs"
	"strings"
	"syscall"
	"time"

	"github.com/soltihq/solti-host/host/task"
)

// A Drop names a reason for which bytes were not kept: a closed set, for counters.
type Drop string

// The reasons.
const (
	DropSource  Drop = "source"  // they never reached the store: the runner or the plugin lost them
	DropRate    Drop = "rate"    // over the run's rate
	DropDisk    Drop = "disk"    // they could not be written
	DropRotated Drop = "rotated" // over the run's cap: the oldest went
	DropSpool   Drop = "spool"   // over the cap of the whole spool: the oldest went; counted in bytes of files
)

// Drops lists all reasons.
var Drops = []Drop{DropSource, DropRate, DropDisk, DropRotated, DropSpool}

// What people read in a gap.
const (
	whyMissing    = "lost before it reached the host"
	whyRate       = "over the output rate of a run"
	whyRotated    = "the oldest output went, over the output limit of a run"
	whyUnreadable = "no longer kept, or damaged on disk"
)

// whyDisk says why a write failed.
func whyDisk(err error) string {
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return "no space left in the output directory"
	case errors.Is(err, task.ErrClosed), errors.Is(err, fs.ErrClosed):
		return "the host was shutting down"
	}
	return clip("not written: " + err.Error())
}

// clip cuts a reason to its limit.
func clip(why string) string {
	return strings.ToValidUTF8(why[:min(len(why), maxWhy)], "")
}

// A gap is a missing piece of a stream.
type gap struct {
	stream task.Stream
	offset int64
	n      int64
	why    string
	at     int64
}

// frame returns g as a frame of k.
func (g gap) frame(k Key) frame {
	return frame{kind: kindGap, stream: g.stream, key: k, offset: g.offset, gap: g.n, why: g.why, at: g.at}
}

// maxGaps bounds the gaps that wait in memory.
const maxGaps = 8

// gaps are those that no file tells of yet, in the order in which they began. Together they tile
// each stream from what is stored to what was produced.
type gaps []gap

// add appends g, which follows the last gap of its stream, to the list or to that gap.
func (l *gaps) add(g gap) {
	for i := len(*l) - 1; i >= 0; i-- {
		last := &(*l)[i]
		if last.stream != g.stream {
			continue
		}
		if last.why == g.why || len(*l) >= maxGaps {
			last.n += g.n
			return
		}
		break
	}
	*l = append(*l, g)
}

// noteEvery is how often gaps are written that no frame follows.
const noteEvery = time.Second

// A note remembers when gaps were last written on their own.
type note struct {
	last  time.Time
	armed bool // a timer is going to write what is pending
}

// takeNote writes the gaps that are pending, now or within noteEvery: a host that is killed before
// the next frame has then told of what was lost. Gaps of a disk that fails wait for the next
// frame, since that is when the disk is tried again. The caller holds w.mu.
func (w *Writer) takeNote() {
	n := &w.note
	if n.armed {
		return
	}
	if rest := noteEvery - time.Since(n.last); rest > 0 {
		n.armed = true
		time.AfterFunc(rest, func() {
			w.mu.Lock()
			defer w.mu.Unlock()
			n.armed = false
			if !w.done && len(w.r.pending) > 0 {
				w.writeNote()
			}
		})
		return
	}
	w.writeNote()
}

// writeNote writes the gaps that are pending. The caller holds w.mu.
func (w *Writer) writeNote() {
	w.note.last = time.Now()
	w.s.complain(w.save(nil))
}
