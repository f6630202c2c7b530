package router

import "github.com/soltihq/solti-host/host/task"

// Route returns the names of the runners that may take a task with that spec, in order: at least
// one, or an error, which is an [*EmbeddedError] or a [*NoRunnerError]. The caller must not change
// the result.
func (t *Table) Route(spec *task.Spec) ([]string, error) {
	kind := spec.Workload.Type()
	if kind == task.Embedded {
		return nil, &EmbeddedError{}
	}
	fit := t.fitting(kind, spec.RunnerSelector)
	if len(fit) > 0 {
		return fit, nil
	}
	return nil, t.noRunner(kind, t.Explain(spec))
}

// Candidates returns the names of the runners that may take a task with that spec, in order, and the
// others with the reason why they may not. Nobody may take an embedded task.
func (t *Table) Candidates(spec *task.Spec) (fit []string, refused []task.Refusal) {
	for _, r := range t.Explain(spec) {
		if r.Accepts {
			fit = append(fit, r.Runner)
		} else {
			refused = append(refused, r)
		}
	}
	return fit, refused
}

// Explain returns for every runner, in order, whether it may take a task with that spec, and why
// not.
func (t *Table) Explain(spec *task.Spec) []task.Refusal {
	rs := make([]task.Refusal, 0, len(t.runners))
	for i := range t.runners {
		r := &t.runners[i]
		reason := r.refusal(spec)
		rs = append(rs, task.Refusal{Runner: r.Name, Accepts: reason == "", Reason: reason})
	}
	return rs
}

// fitting returns the names of the runners that declare a kind and have the labels.
func (t *Table) fitting(kind task.Kind, labels *task.Selector) []string {
	g := t.byKind[kind]
	if g == nil {
		return nil
	}
	if labels == nil {
		return g.names[:len(g.names):len(g.names)]
	}
	var fit []string
	for _, r := range g.runners {
		if labels.Matches(r.Labels) {
			fit = append(fit, r.Name)
		}
	}
	return fit
}
