package task

import (
	"maps"
	"slices"
	"strings"
)

// Equal reports whether s and o want the same: an unset field equals its default, and the order of
// members and the space in the workload's spec do not count.
func (s *Spec) Equal(o *Spec) bool {
	return s.Slot == o.Slot &&
		s.Workload.Equal(o.Workload) &&
		s.Timeout == o.Timeout &&
		or(s.StartTimeout, Duration(DefaultStartTimeout)) == or(o.StartTimeout, Duration(DefaultStartTimeout)) &&
		or(s.Restart.Policy, Never) == or(o.Restart.Policy, Never) &&
		s.Restart.Interval == o.Restart.Interval &&
		s.Backoff.Defaulted() == o.Backoff.Defaulted() &&
		or(s.Admission, DropIfRunning) == or(o.Admission, DropIfRunning) &&
		sameInt(s.MaxRetries, o.MaxRetries) &&
		s.RunnerSelector.Equal(o.RunnerSelector)
}

// Equal reports whether w and o are of one kind and their specs mean the same. Numbers count as
// the same only if they are written the same.
func (w Workload) Equal(o Workload) bool {
	return w.Type() == o.Type() && sameJSON(w.Spec, o.Spec)
}

// Equal reports whether m and o have the same labels and annotations. What the host makes, and the
// name, do not count.
func (m *Metadata) Equal(o *Metadata) bool {
	return maps.Equal(m.Labels, o.Labels) && maps.Equal(m.Annotations, o.Annotations)
}

// Equal reports whether s and o have the same parts, in any order. Nil equals the empty selector.
func (s *Selector) Equal(o *Selector) bool {
	if s == nil {
		s = &Selector{}
	}
	if o == nil {
		o = &Selector{}
	}
	return maps.Equal(s.MatchLabels, o.MatchLabels) &&
		slices.EqualFunc(s.sorted(), o.sorted(), func(a, b Requirement) bool {
			return a.Key == b.Key && a.Operator == b.Operator && slices.Equal(a.Values, b.Values)
		})
}

// sorted returns the expressions in an order of their own, each once, with sorted values.
func (s *Selector) sorted() []Requirement {
	rs := slices.Clone(s.MatchExpressions)
	for i := range rs {
		rs[i].Values = slices.Compact(slices.Sorted(slices.Values(rs[i].Values)))
	}
	slices.SortFunc(rs, compareRequirements)
	return slices.CompactFunc(rs, func(a, b Requirement) bool { return compareRequirements(a, b) == 0 })
}

func compareRequirements(a, b Requirement) int {
	if c := strings.Compare(a.Key, b.Key); c != 0 {
		return c
	}
	if c := strings.Compare(string(a.Operator), string(b.Operator)); c != 0 {
		return c
	}
	return slices.Compare(a.Values, b.Values)
}

// or returns v, or the default if v is unset.
func or[V comparable](v, def V) V {
	var unset V
	if v == unset {
		return def
	}
	return v
}

func sameInt(a, b *int) bool {
	if a == nil || b == nil {
		return a == b
	}
	return *a == *b
}
