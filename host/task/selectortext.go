package task

import (
	"errors"
	"fmt"
	"strings"
)

// MaxSelectorText bounds the text that ParseSelector reads, in bytes.
const MaxSelectorText = 64 << 10

// ParseSelector reads the text form of a selector, in which Kubernetes' tools take it: parts
// separated by commas, all of which must hold, each one of
//
//	key=value  key==value  key!=value  key in (a,b)  key notin (a,b)  key  !key
//
// An empty text is the selector that matches everything. The error says what was expected and where.
func ParseSelector(text string) (*Selector, error) {
	if len(text) > MaxSelectorText {
		return nil, fmt.Errorf("label selector: must be at most %d bytes long", MaxSelectorText)
	}
	p := selectorParser{text: text}
	s := &Selector{}
	if p.space(); p.end() {
		return s, nil
	}
	for {
		r, err := p.requirement()
		if err != nil {
			return nil, fmt.Errorf("label selector %s: at byte %d: %w", clip(text), p.at+1, err)
		}
		s.add(r)
		if p.end() {
			return s, nil
		}
		p.at++ // the comma
	}
}

// add puts r where people would write it: equality into MatchLabels as long as the key is free.
func (s *Selector) add(r Requirement) {
	if r.Operator == equals {
		if _, taken := s.MatchLabels[r.Key]; !taken {
			if s.MatchLabels == nil {
				s.MatchLabels = make(map[string]string)
			}
			s.MatchLabels[r.Key] = r.Values[0]
			return
		}
		r.Operator = In
	}
	s.MatchExpressions = append(s.MatchExpressions, r)
}

// A selectorParser reads text from at on.
type selectorParser struct {
	text string
	at   int
}

// requirement reads one part and stands at the comma after it, or at the end.
func (p *selectorParser) requirement() (Requirement, error) {
	r := Requirement{Operator: Exists}
	p.space()
	if p.take("!") {
		r.Operator = DoesNotExist
		p.space()
	}
	start := p.at
	r.Key = p.word()
	if err := checkLabelKey(r.Key); err != nil {
		p.at = start
		return r, err
	}
	p.space()
	if r.Operator == Exists {
		if err := p.condition(&r); err != nil {
			return r, err
		}
		p.space()
	}
	if !p.end() && p.text[p.at] != ',' {
		return r, errors.New("want a comma or the end")
	}
	return r, nil
}

// condition reads what follows a key, if anything.
func (p *selectorParser) condition(r *Requirement) (err error) {
	switch {
	case p.end() || p.text[p.at] == ',':
		return nil
	case p.take("==") || p.take("="):
		r.Operator = equals
		return p.value(r)
	case p.take("!="):
		r.Operator = NotIn
		return p.value(r)
	}
	start := p.at
	switch p.word() {
	case "in":
		r.Operator = In
	case "notin":
		r.Operator = NotIn
	default:
		p.at = start
		return errors.New("want one of =, ==, !=, in, notin, a comma or the end")
	}
	return p.set(r)
}

// set reads values in parentheses.
func (p *selectorParser) set(r *Requirement) error {
	if p.space(); !p.take("(") {
		return errors.New("want ( and the values")
	}
	for {
		if err := p.value(r); err != nil {
			return err
		}
		p.space()
		if p.take(")") {
			return nil
		}
		if !p.take(",") {
			return errors.New("want a comma or )")
		}
	}
}

// value reads one value, which may be empty.
func (p *selectorParser) value(r *Requirement) error {
	p.space()
	start := p.at
	v := p.word()
	if err := checkLabelValue(v); err != nil {
		p.at = start
		return err
	}
	r.Values = append(r.Values, v)
	return nil
}

// word reads as far as no character with a meaning of its own comes.
func (p *selectorParser) word() string {
	rest := p.text[p.at:]
	n := strings.IndexAny(rest, " \t\r\n,()=!")
	if n < 0 {
		n = len(rest)
	}
	p.at += n
	return rest[:n]
}

func (p *selectorParser) take(s string) bool {
	if !strings.HasPrefix(p.text[p.at:], s) {
		return false
	}
	p.at += len(s)
	return true
}

func (p *selectorParser) space() {
	for !p.end() && strings.IndexByte(" \t\r\n", p.text[p.at]) >= 0 {
		p.at++
	}
}

func (p *selectorParser) end() bool { return p.at == len(p.text) }
