package store

import "github.com/soltihq/solti-host/host/internal/event"

// A unit is what Append was given.
type unit struct {
	records []event.Record
	done    func(error)
	bytes   int  // estimated
	accept  bool // it accepts a task
}

// A backlog is the units that wait, in order, and how many of them accept tasks. It has no bound of
// its own: the transitions of running work are never refused.
type backlog struct {
	units       []unit
	head        int // units before it have been taken
	accepts     int
	acceptBytes int
}

func (b *backlog) len() int { return len(b.units) - b.head }

// full reports whether no further accept should be let in.
func (b *backlog) full() bool { return b.accepts >= acceptUnits || b.acceptBytes >= acceptBytes }

func (b *backlog) push(u unit) {
	b.units = append(b.units, u)
	b.account(u, 1)
}

// take appends the next group to group: at least one unit if there is one, and no more than the
// bounds of a group allow.
func (b *backlog) take(group []unit) []unit {
	bytes := 0
	for n := 0; n < groupUnits && b.head < len(b.units); n++ {
		u := b.units[b.head]
		if bytes += u.bytes; n > 0 && bytes > groupBytes {
			break
		}
		b.units[b.head] = unit{}
		b.head++
		b.account(u, -1)
		group = append(group, u)
	}
	b.compact()
	return group
}

// compact makes room at the front once most of the slice is behind head.
func (b *backlog) compact() {
	if b.head < len(b.units) && b.head < cap(b.units)/2 {
		return
	}
	n := copy(b.units, b.units[b.head:])
	clear(b.units[n:])
	b.units, b.head = b.units[:n], 0
}

func (b *backlog) account(u unit, sign int) {
	if u.accept {
		b.accepts += sign
		b.acceptBytes += sign * u.bytes
	}
}

func accepts(records []event.Record) bool {
	for i := range records {
		if records[i].Kind == event.Accepted {
			return true
		}
	}
	return false
}

// count returns how many records the units have.
func count(units []unit) int {
	n := 0
	for _, u := range units {
		n += len(u.records)
	}
	return n
}

// estimate returns about how many bytes the records take in the store.
func estimate(records []event.Record) int {
	const status, run = 150, 250
	n := 0
	for i := range records {
		r := &records[i]
		n += status
		if r.Run != nil {
			n += run
			for k, v := range r.Run.Facts {
				n += len(k) + len(v)
			}
		}
		if r.Task == nil || r.Kind != event.Accepted && !r.Respec {
			continue
		}
		n += status + len(r.Task.Spec.Workload.Spec)
		for k, v := range r.Task.Metadata.Annotations {
			n += len(k) + len(v)
		}
	}
	return n
}
