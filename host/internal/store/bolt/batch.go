package bolt

import (
	"bytes"
	"slices"

	"github.com/soltihq/solti-host/host/internal/event"
	"github.com/soltihq/solti-host/host/task"
)

// A change is what a transaction does to one task: what is left of its records when later ones have
// covered earlier ones.
type change struct {
	uid     task.UID
	removed bool            // whatever was stored of it goes first
	through int             // runs up to this attempt go
	last    *event.Record   // the last that leaves an image; nil if none does
	respec  bool            // last.Task is written whole
	runs    []*event.Record // the last of each attempt
}

// A batch is the changes of one transaction.
type batch struct {
	changes []change
	index   map[task.UID]int
}

// reset fills the batch from records, reusing what it has.
func (b *batch) reset(records []event.Record) {
	if b.index == nil {
		b.index = make(map[task.UID]int)
	}
	clear(b.index)
	clear(b.changes)
	b.changes = b.changes[:0]
	for i := range records {
		r := &records[i]
		b.change(r.Task.Metadata.UID).add(r)
	}
	// In the order of keys, one page after the other.
	slices.SortFunc(b.changes, func(a, c change) int { return bytes.Compare(a.uid[:], c.uid[:]) })
}

func (b *batch) change(uid task.UID) *change {
	i, ok := b.index[uid]
	if !ok {
		i = len(b.changes)
		b.index[uid] = i
		b.changes = append(b.changes, change{uid: uid})
	}
	return &b.changes[i]
}

func (c *change) add(r *event.Record) {
	switch r.Kind {
	case event.Removed:
		*c = change{uid: c.uid, removed: true}
	case event.Pruned:
		c.through = max(c.through, r.Through)
		c.runs = slices.DeleteFunc(c.runs, func(r *event.Record) bool { return r.Run.Attempt <= c.through })
	default:
		if c.last == nil || r.Book.Revision >= c.last.Book.Revision {
			c.last = r
		}
		c.respec = c.respec || r.Respec || r.Kind == event.Accepted
		if r.Run != nil {
			c.addRun(r)
		}
	}
}

func (c *change) addRun(r *event.Record) {
	for i, old := range c.runs {
		if old.Run.Attempt == r.Run.Attempt {
			c.runs[i] = r
			return
		}
	}
	c.runs = append(c.runs, r)
}

// holder returns the attempt of the run whose value is to carry the image, or 0 if none is. It is the
// last run of the task, so that the image is found again.
func (c *change) holder() int {
	if c.last == nil || c.respec {
		return 0
	}
	for _, r := range c.runs {
		if r.Run.Attempt == c.last.Task.Status.Attempt {
			return r.Run.Attempt
		}
	}
	return 0
}
