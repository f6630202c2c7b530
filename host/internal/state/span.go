package state

import (
	"sort"

	"github.com/tidwall/btree"

	"github.com/soltihq/solti-host/host/task"
)

// A span is a part of an index in which entries come by name.
type span interface {
	// after begins behind a name.
	after(name task.Name) cursor
	// count returns how many entries come behind a name. It does not visit them.
	count(name task.Name) int
}

// A cursor goes through a span.
type cursor interface {
	// next returns the next entry, or nil at the end.
	next() *entry
}

// A treeSpan is the items of a tree from a pivot up to, not including, end.
type treeSpan[T any] struct {
	tree    *btree.BTreeG[T]
	from    func(task.Name) T // the first place behind a name
	end     T
	endless bool
	entry   func(T) *entry
}

func (s *treeSpan[T]) after(name task.Name) cursor {
	c := &treeCursor[T]{span: s, iter: s.tree.Iter()}
	c.more = c.iter.Seek(s.from(name))
	return c
}

func (s *treeSpan[T]) count(name task.Name) int {
	end := s.tree.Len()
	if !s.endless {
		end = s.rank(s.end)
	}
	return max(0, end-s.rank(s.from(name)))
}

// rank returns how many items come before pivot.
func (s *treeSpan[T]) rank(pivot T) int {
	return sort.Search(s.tree.Len(), func(i int) bool {
		item, _ := s.tree.GetAt(i)
		return !s.tree.Less(item, pivot)
	})
}

type treeCursor[T any] struct {
	span *treeSpan[T]
	iter btree.IterG[T]
	more bool
}

func (c *treeCursor[T]) next() *entry {
	if !c.more {
		return nil
	}
	item := c.iter.Item()
	if !c.span.endless && !c.span.tree.Less(item, c.span.end) {
		c.more = false
		return nil
	}
	c.more = c.iter.Next()
	return c.span.entry(item)
}

// behind returns the first name after name.
func behind(name task.Name) task.Name {
	if name == "" {
		return ""
	}
	return name + "\x00"
}

func itself(e *entry) *entry { return e }

func (v *view) all() span {
	from := func(n task.Name) *entry { return &entry{name: behind(n)} }
	return &treeSpan[*entry]{tree: v.byName, from: from, endless: true, entry: itself}
}

func (v *view) ofSlot(slot task.Slot) span {
	from := func(n task.Name) *entry { return &entry{slot: slot, name: behind(n)} }
	return &treeSpan[*entry]{tree: v.bySlot, from: from, end: &entry{slot: slot + "\x00"}, entry: itself}
}

func (v *view) ofPhase(p phase) span {
	from := func(n task.Name) *entry { return &entry{phase: p, name: behind(n)} }
	return &treeSpan[*entry]{tree: v.byPhase, from: from, end: &entry{phase: p + 1}, entry: itself}
}

func (v *view) ofLabel(key, value string) span {
	packed := pack(map[string]string{key: value})
	from := func(n task.Name) labelled { return labelled{&entry{labels: packed, name: behind(n)}, 0} }
	end := labelled{&entry{labels: pack(map[string]string{key: value + "\x00"})}, 0}
	return &treeSpan[labelled]{tree: v.byLabel, from: from, end: end, entry: entryOf}
}

// ofKey is the entries that have a label. They come by value, not by name.
func (v *view) ofKey(key string) span {
	packed := pack(map[string]string{key: ""})
	from := func(task.Name) labelled { return labelled{&entry{labels: packed}, 0} }
	end := labelled{&entry{labels: pack(map[string]string{key + "\x00": ""})}, 0}
	return &treeSpan[labelled]{tree: v.byLabel, from: from, end: end, entry: entryOf}
}

func entryOf(l labelled) *entry { return l.entry }

// merged goes through several spans that have no entry in common, by name.
type merged struct {
	cursors []cursor
	heads   []*entry
}

func merge(spans []span, after task.Name) *merged {
	m := new(merged)
	for _, s := range spans {
		c := s.after(after)
		if e := c.next(); e != nil {
			m.cursors, m.heads = append(m.cursors, c), append(m.heads, e)
		}
	}
	return m
}

func (m *merged) next() *entry {
	if len(m.heads) == 0 {
		return nil
	}
	least := 0
	for i, e := range m.heads {
		if e.name < m.heads[least].name {
			least = i
		}
	}
	e := m.heads[least]
	if m.heads[least] = m.cursors[least].next(); m.heads[least] == nil {
		n := len(m.heads) - 1
		m.heads[least], m.cursors[least] = m.heads[n], m.cursors[n]
		m.heads, m.cursors = m.heads[:n], m.cursors[:n]
	}
	return e
}
