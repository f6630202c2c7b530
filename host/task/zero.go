package task

import (
	"bytes"
	"errors"
)

// In a document a zero that was written is not what was left out: whoever writes a wait of 0s does not
// want the default of a second. In Go both are the same, and mean the default.

// errZero sends a document to the decoder that knows what was written.
var errZero = errors.New("a zero that may have been written")

// mayHoldZeros reports whether a zero field of t may have been written.
func mayHoldZeros(t *Task, data []byte) bool {
	s := &t.Spec
	return s.Backoff != nil && (s.Backoff.First == 0 || s.Backoff.Max == 0 || s.Backoff.Factor == 0) ||
		s.Timeout == 0 && bytes.Contains(data, []byte(`"timeout"`)) ||
		s.StartTimeout == 0 && bytes.Contains(data, []byte(`"startTimeout"`))
}

// zeros returns the fields of t that were written as zero and may not be.
func (w *walker) zeros(t *Task) (all FieldErrors) {
	s := &t.Spec
	check := func(path string, zero bool, otherwise string) {
		if _, written := w.places[path]; zero && written && !w.nulls[path] {
			all.Add(path, "must be above 0; leave it out for %s", otherwise)
		}
	}
	check("spec.timeout", s.Timeout == 0, "no limit")
	check("spec.startTimeout", s.StartTimeout == 0, "the default of "+Duration(DefaultStartTimeout).String())
	if b := s.Backoff; b != nil {
		check("spec.backoff.first", b.First == 0, "the default of "+DefaultBackoff.First.String())
		check("spec.backoff.max", b.Max == 0, "the default of "+DefaultBackoff.Max.String())
		check("spec.backoff.factor", b.Factor == 0, "the default of 2")
	}
	return all
}
