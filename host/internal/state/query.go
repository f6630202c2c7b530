package state

import (
	"slices"
	"strings"

	"github.com/soltihq/solti-host/host/task"
)

// A filter is a task.Query, prepared.
type filter struct {
	slot     task.Slot
	phases   []phase // none means all; no phase twice
	labels   []task.Requirement
	system   bool
	selected int // how many conditions there are
}

func newFilter(q *task.Query) *filter {
	f := &filter{slot: q.Slot, system: q.System}
	for _, p := range q.Phases {
		if i := phaseOf(p); !slices.Contains(f.phases, i) {
			f.phases = append(f.phases, i)
		}
	}
	if q.Labels != nil {
		for k, v := range q.Labels.MatchLabels {
			f.labels = append(f.labels, task.Requirement{Key: k, Operator: task.In, Values: []string{v}})
		}
		f.labels = append(f.labels, q.Labels.MatchExpressions...)
	}
	f.selected = len(f.labels)
	if f.slot != "" {
		f.selected++
	}
	if len(f.phases) > 0 {
		f.selected++
	}
	return f
}

// match reports whether an entry is to be listed.
func (f *filter) match(e *entry) bool {
	if e.system && !f.system || f.slot != "" && e.slot != f.slot {
		return false
	}
	if len(f.phases) > 0 && !slices.Contains(f.phases, e.phase) {
		return false
	}
	for i := range f.labels {
		if !matchLabel(e, &f.labels[i]) {
			return false
		}
	}
	return true
}

func matchLabel(e *entry, r *task.Requirement) bool {
	value, there := e.label(r.Key)
	switch r.Operator {
	case task.In:
		return there && slices.Contains(r.Values, value)
	case task.NotIn:
		return !there || !slices.Contains(r.Values, value)
	case task.Exists:
		return there
	case task.DoesNotExist:
		return !there
	}
	return false
}

// A plan is how the entries that match a filter are found: those of the spans are looked at.
type plan struct {
	spans   []span
	cost    int  // how many entries are in the spans
	byName  bool // in each span they come by name, and no two spans share one
	exact   bool // all of them match, but for the host's own
	covered int  // how many conditions the spans stand for
}

// mergeable is how many spans are merged; of more, all entries are collected.
const mergeable = 16

// plan chooses the condition that selects the fewest entries behind a name.
func (v *view) plan(f *filter, after task.Name) plan {
	best := plan{spans: []span{v.all()}, byName: true}
	best.measure(after)
	consider := func(byName bool, spans ...span) {
		p := plan{spans: spans, byName: byName && len(spans) <= mergeable, covered: 1}
		if p.measure(after); p.cost < best.cost || best.covered == 0 {
			best = p
		}
	}
	if f.slot != "" {
		consider(true, v.ofSlot(f.slot))
	}
	for i := range f.labels {
		switch r := &f.labels[i]; r.Operator {
		case task.In:
			values := slices.Compact(slices.Sorted(slices.Values(r.Values)))
			spans := make([]span, len(values))
			for i, value := range values {
				spans[i] = v.ofLabel(r.Key, value)
			}
			consider(true, spans...)
		case task.Exists:
			consider(false, v.ofKey(r.Key))
		}
	}
	if len(f.phases) > 0 {
		spans := make([]span, len(f.phases))
		for i, p := range f.phases {
			spans[i] = v.ofPhase(p)
		}
		consider(true, spans...)
	}
	best.exact = best.byName && best.covered == f.selected
	return best
}

func (p *plan) measure(after task.Name) {
	p.cost = 0
	for _, s := range p.spans {
		p.cost += s.count(after)
	}
}

// A page is a part of what a filter selects.
type page struct {
	entries   []entry // copies
	more      bool    // some come after them
	remaining int     // how many that are, if counted
	counted   bool
	visited   int // how many entries were looked at
}

// page returns at most limit entries behind a name, limit > 0. What comes after them is counted only
// where that needs no look at each: where every entry of the plan matches, or all are looked at anyway.
func (v *view) page(f *filter, after task.Name, limit int) page {
	p := v.plan(f, after)
	if !p.byName {
		return p.collect(f, after, limit)
	}
	out := page{counted: p.exact}
	m := merge(p.spans, after)
	for e := m.next(); e != nil; e = m.next() {
		out.visited++
		switch {
		case !f.match(e):
		case len(out.entries) < limit:
			out.entries = append(out.entries, *e)
		default:
			out.more = true
			return out
		}
		if p.exact && len(out.entries) == limit {
			out.remaining = v.rest(&p, f, e.name)
			out.more = out.remaining > 0
			return out
		}
	}
	out.counted = true // none
	return out
}

// rest returns how many entries that match come behind a name, of an exact plan.
func (v *view) rest(p *plan, f *filter, name task.Name) int {
	n := 0
	for _, s := range p.spans {
		n += s.count(name)
	}
	if f.system {
		return n
	}
	all := *f
	all.system = true
	for _, e := range v.system {
		if e.name > name && all.match(e) {
			n--
		}
	}
	return n
}

// collect looks at all entries of the plan and keeps the first by name.
func (p *plan) collect(f *filter, after task.Name, limit int) page {
	out := page{counted: true}
	var kept []*entry
	matching := 0
	byName := func(a, b *entry) int { return strings.Compare(string(a.name), string(b.name)) }
	for _, s := range p.spans {
		c := s.after(after)
		for e := c.next(); e != nil; e = c.next() {
			out.visited++
			if e.name <= after || !f.match(e) {
				continue
			}
			matching++
			if kept = append(kept, e); len(kept) == 2*limit {
				slices.SortFunc(kept, byName)
				kept = kept[:limit]
			}
		}
	}
	slices.SortFunc(kept, byName)
	for _, e := range kept[:min(limit, len(kept))] {
		out.entries = append(out.entries, *e)
	}
	out.remaining = matching - len(out.entries)
	out.more = out.remaining > 0
	return out
}
