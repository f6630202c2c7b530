package router

import (
	"fmt"
	"slices"
	"strings"

	"github.com/soltihq/solti-host/host/task"
)

// An EmbeddedError says that an embedded task was to be routed. Its code is part of the host, and no
// runner is ever asked for it.
type EmbeddedError struct{}

// Error says so.
func (*EmbeddedError) Error() string {
	return fmt.Sprintf("route %s: embedded tasks are code of the host itself and have no runner", task.Embedded)
}

// A NoRunnerError says that no runner may take a task, and why.
type NoRunnerError struct {
	Kind    task.Kind
	Refused []task.Refusal // all runners that were considered, in order
	Kinds   []task.Kind    // that some runner declares, sorted
	Meant   task.Kind      // the one of Kinds that Kind may have been meant to be; zero if none is close
}

// Error names every runner with its reason and, where nobody declares the kind, the kinds there are.
func (e *NoRunnerError) Error() string {
	if len(e.Refused) == 0 {
		return fmt.Sprintf("%s: %v: there are no runners; put runner plugins into the plugins directory", e.Kind, task.ErrNoRunner)
	}
	parts := make([]string, 0, len(e.Refused)+2)
	for _, r := range e.Refused {
		parts = append(parts, r.Runner+": "+r.Reason)
	}
	if !slices.Contains(e.Kinds, e.Kind) {
		parts = append(parts, "there are runners for "+e.kindList())
	}
	if e.Meant != (task.Kind{}) {
		parts = append(parts, fmt.Sprintf("did you mean %s?", e.Meant))
	}
	return fmt.Sprintf("%s: %v: %s", e.Kind, task.ErrNoRunner, strings.Join(parts, "; "))
}

// Unwrap makes errors.Is find task.ErrNoRunner.
func (e *NoRunnerError) Unwrap() error { return task.ErrNoRunner }

func (e *NoRunnerError) kindList() string {
	names := make([]string, len(e.Kinds))
	for i, k := range e.Kinds {
		names[i] = k.String()
	}
	return strings.Join(names, ", ")
}

// noRunner returns the error for a kind that all runners refused.
func (t *Table) noRunner(kind task.Kind, refused []task.Refusal) *NoRunnerError {
	e := &NoRunnerError{Kind: kind, Refused: refused, Kinds: t.Kinds()}
	if t.byKind[kind] == nil {
		e.Meant = closest(kind, e.Kinds)
	}
	return e
}

// closest returns the kind of among that k may have been meant to be: one with the same name in
// another group or version, else one with a similar text.
func closest(k task.Kind, among []task.Kind) task.Kind {
	texts := make([]string, len(among))
	names := make([]string, len(among))
	for i, a := range among {
		if a.Name == k.Name {
			return a
		}
		texts[i], names[i] = a.String(), a.Name
	}
	if name := task.Closest(k.Name, names); name != "" {
		return among[slices.Index(names, name)]
	}
	if text := task.Closest(k.String(), texts); text != "" {
		return among[slices.Index(texts, text)]
	}
	return task.Kind{}
}

// refusal returns why r may not take a task with that spec, or "" if it may.
func (r *Runner) refusal(spec *task.Spec) string {
	kind := spec.Workload.Type()
	if kind == task.Embedded {
		return "embedded tasks are code of the host itself"
	}
	if !slices.Contains(r.Kinds, kind) {
		return "does not declare " + kind.String()
	}
	if unmet := spec.RunnerSelector.Unmet(r.Labels); unmet != "" {
		return "its labels do not satisfy runnerSelector: " + unmet
	}
	return ""
}
