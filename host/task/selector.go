package task

import (
	"slices"
	"strings"
)

// A Selector chooses by labels; all of its parts must hold. An empty selector matches everything.
type Selector struct {
	MatchLabels      map[string]string `json:"matchLabels,omitempty"`
	MatchExpressions []Requirement     `json:"matchExpressions,omitempty"`
}

// A Requirement is one condition on one label.
type Requirement struct {
	Key      string   `json:"key"`
	Operator Operator `json:"operator"`
	Values   []string `json:"values,omitempty"` // for In and NotIn at least one, for the others none
}

// An Operator names a condition.
type Operator string

// The operators.
const (
	In           Operator = "In"           // the label is there with one of the values
	NotIn        Operator = "NotIn"        // the label is not there, or has another value
	Exists       Operator = "Exists"       // the label is there
	DoesNotExist Operator = "DoesNotExist" // the label is not there
)

// Matches reports whether labels satisfy s. A nil selector matches everything.
func (s *Selector) Matches(labels map[string]string) bool {
	if s == nil {
		return true
	}
	for key, want := range s.MatchLabels {
		if got, there := labels[key]; !there || got != want {
			return false
		}
	}
	for i := range s.MatchExpressions {
		if !s.MatchExpressions[i].Matches(labels) {
			return false
		}
	}
	return true
}

// Unmet returns the first part of s, in the order of [Selector.String], that labels do not satisfy,
// with what is there instead; or "" if s matches. It is meant for people.
func (s *Selector) Unmet(labels map[string]string) string {
	if s.Matches(labels) {
		return ""
	}
	for _, r := range s.requirements() {
		if r.Matches(labels) {
			continue
		}
		if got, there := labels[r.Key]; there {
			return r.String() + " (" + r.Key + " is " + clip(got) + ")"
		}
		return r.String() + " (there is no label " + r.Key + ")"
	}
	return ""
}

// String returns the text form of s, which [ParseSelector] reads. That of a nil selector is empty.
func (s *Selector) String() string {
	if s == nil {
		return ""
	}
	var parts []string
	for _, r := range s.requirements() {
		parts = append(parts, r.String())
	}
	return strings.Join(parts, ",")
}

// requirements returns all parts of s as requirements: labels by key, then the expressions. A label
// has an operator that only this package knows.
func (s *Selector) requirements() []Requirement {
	rs := make([]Requirement, 0, len(s.MatchLabels)+len(s.MatchExpressions))
	for _, key := range sortedKeys(s.MatchLabels) {
		rs = append(rs, Requirement{Key: key, Operator: equals, Values: []string{s.MatchLabels[key]}})
	}
	return append(rs, s.MatchExpressions...)
}

// equals is the operator of a matchLabels entry. It has no form in JSON.
const equals Operator = "="

// Matches reports whether labels satisfy r. Nothing satisfies an unknown operator.
func (r *Requirement) Matches(labels map[string]string) bool {
	got, there := labels[r.Key]
	switch r.Operator {
	case In, equals:
		return there && slices.Contains(r.Values, got)
	case NotIn:
		return !there || !slices.Contains(r.Values, got)
	case Exists:
		return there
	case DoesNotExist:
		return !there
	default:
		return false
	}
}

// String returns the text form of r.
func (r *Requirement) String() string {
	switch r.Operator {
	case equals:
		return r.Key + "=" + r.Values[0]
	case In:
		return r.Key + " in (" + strings.Join(r.Values, ",") + ")"
	case NotIn:
		return r.Key + " notin (" + strings.Join(r.Values, ",") + ")"
	case DoesNotExist:
		return "!" + r.Key
	case Exists:
		return r.Key
	default:
		return r.Key + " " + string(r.Operator)
	}
}

// Validate returns nil if s follows the rules, and otherwise all problems as [FieldErrors].
func (s *Selector) Validate() error {
	var e FieldErrors
	s.check(&e, "")
	return e.Err()
}

func (s *Selector) check(e *FieldErrors, path string) {
	if s == nil {
		return
	}
	checkLabels(e, field(path, "matchLabels"), s.MatchLabels)
	for i := range s.MatchExpressions {
		s.MatchExpressions[i].check(e, element(field(path, "matchExpressions"), i))
	}
}

func (r *Requirement) check(e *FieldErrors, path string) {
	if err := checkLabelKey(r.Key); err != nil {
		e.Add(field(path, "key"), "%v", err)
	}
	values := field(path, "values")
	switch r.Operator {
	case In, NotIn:
		if len(r.Values) == 0 {
			e.Add(values, "must not be empty with operator %s", r.Operator)
		}
	case Exists, DoesNotExist:
		if len(r.Values) > 0 {
			e.Add(values, "must be left out with operator %s", r.Operator)
		}
	case "":
		e.Add(field(path, "operator"), "must not be empty: write %s", oneOf(operators))
	default:
		e.Add(field(path, "operator"), "must be %s, not %s%s", oneOf(operators), clip(string(r.Operator)),
			meant(string(r.Operator), operators))
	}
	for i, v := range r.Values {
		if err := checkLabelValue(v); err != nil {
			e.Add(element(values, i), "%v", err)
		}
	}
}

var operators = []string{string(In), string(NotIn), string(Exists), string(DoesNotExist)}
