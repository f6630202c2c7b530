package task

import (
	"fmt"
	"math"
)

// MaxRetries bounds Spec.MaxRetries.
const MaxRetries = math.MaxInt32

// Validate returns nil if t may be submitted, and otherwise all problems as [FieldErrors]. It looks
// only at what a submitter may set: metadata that the host makes, and the status, do not count. An
// empty name is in order; the host makes one.
func (t *Task) Validate() error { return t.validate(false, false) }

// ValidateEmbedded is Validate for the tasks of the host process itself, which may be [Embedded].
func (t *Task) ValidateEmbedded() error { return t.validate(true, false) }

// validate returns all problems. Checked says that the workload's spec comes from the decoder, which
// has looked at it.
func (t *Task) validate(embedded, checked bool) error {
	var e FieldErrors
	checkWord(&e, "apiVersion", t.APIVersion, APIVersion)
	checkWord(&e, "kind", t.Kind, KindTask)
	t.Metadata.check(&e)
	t.Spec.check(&e, checked)
	if !embedded && t.Spec.Workload.Type() == Embedded {
		e.Add("spec.workload.kind", "cannot be submitted: %s tasks are code of the host process itself", Embedded.Name)
	}
	return e.Err()
}

func checkWord(e *FieldErrors, path, got, want string) {
	if got == "" {
		e.Add(path, "must not be empty: write %s", want)
	} else if got != want {
		e.Add(path, "must be %s, not %s", want, clip(got))
	}
}

// Validate returns nil if what a submitter may set in m follows the rules, and otherwise all
// problems as [FieldErrors], with paths that begin with metadata.
func (m *Metadata) Validate() error {
	var e FieldErrors
	m.check(&e)
	return e.Err()
}

func (m *Metadata) check(e *FieldErrors) {
	if m.Name != "" {
		if err := m.Name.Validate(); err != nil {
			e.Add("metadata.name", "%v", err)
		}
	}
	checkLabels(e, "metadata.labels", m.Labels)
	size := 0
	for _, key := range sortedKeys(m.Annotations) {
		if err := checkLabelKey(key); err != nil {
			e.Add(field("metadata.annotations", key), "%v", err)
		}
		size += len(key) + len(m.Annotations[key])
	}
	if size > MaxAnnotations {
		e.Add("metadata.annotations", "must be at most %d bytes in all, not %d", MaxAnnotations, size)
	}
}

// Validate returns nil if s follows the rules that do not depend on a runner, and otherwise all
// problems as [FieldErrors], with paths that begin with spec. It accepts [Embedded] workloads.
func (s *Spec) Validate() error {
	var e FieldErrors
	s.check(&e, false)
	return e.Err()
}

func (s *Spec) check(e *FieldErrors, checked bool) {
	if err := s.Slot.Validate(); err != nil {
		e.Add("spec.slot", "%v", err)
	}
	s.Workload.Type().check(e, "spec.workload")
	if !checked {
		if err := checkObject(s.Workload.Spec); err != nil {
			e.Add("spec.workload.spec", "%v", err)
		}
	}
	checkWait(e, "spec.timeout", s.Timeout)
	checkWait(e, "spec.startTimeout", s.StartTimeout)
	s.Restart.check(e)
	s.Backoff.check(e)
	checkChoice(e, "spec.admission", s.Admission, DropIfRunning, Queue, Replace)
	s.checkRetries(e)
	s.RunnerSelector.check(e, "spec.runnerSelector")
}

func (s *Spec) checkRetries(e *FieldErrors) {
	const path = "spec.maxRetries"
	switch n := s.MaxRetries; {
	case n == nil:
	case *n < 1:
		e.Add(path, "must be at least 1, not %d; leave it out for no limit, or use restart policy never for no retry", *n)
	case *n > MaxRetries:
		e.Add(path, "must be at most %d; leave it out for no limit", MaxRetries)
	case s.Restart.Policy == "" || s.Restart.Policy == Never:
		e.Add(path, "needs a restart policy that retries: set spec.restart.policy to onFailure or always")
	}
}

func (r *Restart) check(e *FieldErrors) {
	const path = "spec.restart.interval"
	checkChoice(e, "spec.restart.policy", r.Policy, Never, OnFailure, Always)
	checkWait(e, path, r.Interval)
	if r.Interval > 0 && r.Policy != Always {
		e.Add(path, "needs restart policy always; the wait after a failure is spec.backoff")
	}
}

func (b *Backoff) check(e *FieldErrors) {
	if b == nil {
		return
	}
	checkWait(e, "spec.backoff.first", b.First)
	checkWait(e, "spec.backoff.max", b.Max)
	if b.Max > 0 && b.Max < b.First {
		e.Add("spec.backoff.max", "must be at least first, which is %v, not %v", b.First, b.Max)
	}
	if f := b.Factor; f != 0 && (!(f >= 1) || math.IsInf(f, 0)) {
		e.Add("spec.backoff.factor", "must be a finite number of at least 1, not %v", f)
	}
	checkChoice(e, "spec.backoff.jitter", b.Jitter, NoJitter, Full, Equal, Decorrelated)
}

func checkWait(e *FieldErrors, path string, d Duration) {
	if d < 0 {
		e.Add(path, "must not be negative, as %v is", d)
	}
}

// checkChoice accepts the empty word, which means the default.
func checkChoice[S ~string](e *FieldErrors, path string, got S, among ...S) {
	words := make([]string, 0, 4)
	for _, w := range among {
		if got == w || got == "" {
			return
		}
		words = append(words, string(w))
	}
	e.Add(path, "must be %s, not %s%s", oneOf(words), clip(string(got)), meant(string(got), words))
}

// oneOf lists words as a choice: a, b or c.
func oneOf(words []string) string {
	text := words[0]
	for i, w := range words[1:] {
		if i == len(words)-2 {
			text += " or " + w
		} else {
			text += ", " + w
		}
	}
	return text
}

// meant returns a question after the word that word may have been meant to be, or nothing.
func meant(word string, among []string) string {
	if w := Closest(word, among); w != "" {
		return fmt.Sprintf("; did you mean %s?", w)
	}
	return ""
}
