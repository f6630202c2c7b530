package state

import (
	"strings"

	"github.com/tidwall/btree"

	"github.com/soltihq/solti-host/host/internal/event"
	"github.com/soltihq/solti-host/host/internal/store"
	"github.com/soltihq/solti-host/host/task"
)

// A view is all entries, with their indexes. It has no lock of its own.
type view struct {
	byUID   map[task.UID]*entry
	byName  *btree.BTreeG[*entry]   // no two entries have one name
	bySlot  *btree.BTreeG[*entry]   // by slot, then name
	byPhase *btree.BTreeG[*entry]   // by phase, then name
	byLabel *btree.BTreeG[labelled] // by key, value, then name
	system  map[task.UID]*entry     // the host's own
	phases  [noPhase + 1]int        // how many entries are in each phase, less the host's own
}

// labelled is one label of an entry: the one at an offset of its packed labels.
type labelled struct {
	*entry
	at int
}

func newView() *view {
	o := btree.Options{NoLocks: true}
	return &view{
		byUID:   make(map[task.UID]*entry),
		byName:  btree.NewBTreeGOptions(lessName, o),
		bySlot:  btree.NewBTreeGOptions(lessSlot, o),
		byPhase: btree.NewBTreeGOptions(lessPhase, o),
		byLabel: btree.NewBTreeGOptions(lessLabel, o),
		system:  make(map[task.UID]*entry),
	}
}

func lessName(a, b *entry) bool { return a.name < b.name }

func lessSlot(a, b *entry) bool {
	if a.slot != b.slot {
		return a.slot < b.slot
	}
	return a.name < b.name
}

func lessPhase(a, b *entry) bool {
	if a.phase != b.phase {
		return a.phase < b.phase
	}
	return a.name < b.name
}

func lessLabel(a, b labelled) bool {
	if a.labels == b.labels && a.at == b.at {
		return a.name < b.name
	}
	ak, av, _ := unpackAt(a.labels.Value(), a.at)
	bk, bv, _ := unpackAt(b.labels.Value(), b.at)
	if ak != bk {
		return ak < bk
	}
	if av != bv {
		return av < bv
	}
	return a.name < b.name
}

// named returns the entry with that name, or nil.
func (v *view) named(name task.Name) *entry {
	e, _ := v.byName.Get(&entry{name: name})
	return e
}

// copyOf returns a copy of e, if there is one, to be used without the lock.
func (v *view) copyOf(e *entry) (entry, bool) {
	if e == nil {
		return entry{}, false
	}
	return *e, true
}

// restore adds a task as the store has it.
func (v *view) restore(it store.Item) {
	e := v.update(it.Task, it.Book.System, true)
	if it.Last != nil {
		e.first, e.last = uint32(it.First.Attempt), uint32(it.Last.Attempt)
		e.oldest = nanos(it.First.FinishedAt)
		if e.oldest == 0 && e.first < e.last {
			e.oldest = unknown
		}
	}
}

// apply does what a record says.
func (v *view) apply(r *event.Record) {
	e := v.byUID[r.Task.Metadata.UID]
	switch r.Kind {
	case event.Removed:
		if e != nil {
			v.drop(e)
		}
	case event.Pruned:
		if e != nil {
			e.pruned(r.Through)
		}
	default:
		if e == nil {
			if old := v.named(r.Task.Metadata.Name); old != nil {
				v.drop(old)
			}
		}
		e = v.update(r.Task, r.Book.System, r.Respec)
		if r.Run != nil {
			e.ran(r.Run)
		}
	}
}

// update makes the entry of a task agree with it, and makes the entry if there is none. Labels and slot
// are looked at only in a new task and if respec is set.
func (v *view) update(t *task.Task, system, respec bool) *entry {
	e, there := v.byUID[t.Metadata.UID]
	if !there {
		e = &entry{uid: t.Metadata.UID, name: task.Name(strings.Clone(string(t.Metadata.Name))), system: system}
		respec = true
	}
	if there && respec {
		v.unindex(e)
	} else if there {
		v.leavePhase(e)
	}
	e.live, e.finished = t, 0
	if t.Status.Done() {
		e.live, e.finished = nil, nanos(t.Status.Outcome.FinishedAt)
	}
	e.phase = phaseOf(t.Status.Phase)
	if respec {
		e.slot = v.slotLike(t.Spec.Slot)
		e.labels = pack(t.Metadata.Labels)
		v.index(e)
	} else {
		v.enterPhase(e)
	}
	return e
}

// slotLike returns a slot as an entry of the same slot has it, so that all share one text.
func (v *view) slotLike(slot task.Slot) task.Slot {
	shared := task.Slot("")
	v.bySlot.Ascend(&entry{slot: slot}, func(e *entry) bool {
		shared = e.slot
		return false
	})
	if shared == slot {
		return shared
	}
	return task.Slot(strings.Clone(string(slot)))
}

func (v *view) index(e *entry) {
	v.byUID[e.uid] = e
	v.byName.Set(e)
	v.bySlot.Set(e)
	packed := e.labels.Value()
	for at := 0; at < len(packed); _, _, at = unpackAt(packed, at) {
		v.byLabel.Set(labelled{e, at})
	}
	if e.system {
		v.system[e.uid] = e
	}
	v.enterPhase(e)
}

func (v *view) unindex(e *entry) {
	v.leavePhase(e)
	v.bySlot.Delete(e)
	packed := e.labels.Value()
	for at := 0; at < len(packed); _, _, at = unpackAt(packed, at) {
		v.byLabel.Delete(labelled{e, at})
	}
}

// drop forgets an entry.
func (v *view) drop(e *entry) {
	v.unindex(e)
	v.byName.Delete(e)
	delete(v.byUID, e.uid)
	delete(v.system, e.uid)
}

func (v *view) enterPhase(e *entry) {
	v.byPhase.Set(e)
	if !e.system {
		v.phases[e.phase]++
	}
}

func (v *view) leavePhase(e *entry) {
	v.byPhase.Delete(e)
	if !e.system {
		v.phases[e.phase]--
	}
}
