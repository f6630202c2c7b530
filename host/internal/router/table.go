package router

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/soltihq/solti-host/host/task"
)

// NameLabel is the label that New gives to every runner, with its name as the value, so that a task
// can ask for a runner by name. A runner cannot set it to anything else.
const NameLabel = "solti.io/runner-name"

// A Runner is what a table knows of a runner.
type Runner struct {
	Name   string            // [a-z][a-z0-9-]{0,62}, unique in a table, no hyphen at the end
	Labels map[string]string // follow the rules of Kubernetes labels
	Kinds  []task.Kind       // at least one, each once; never task.Embedded
}

// A Table is an immutable list of runners in the order of their registration. The zero value has
// none.
type Table struct {
	runners []Runner
	byKind  map[task.Kind]*group
}

// A group is the runners that declare one kind, in the order of registration.
type group struct {
	runners []*Runner // into Table.runners
	names   []string
}

// New returns a table of rs, in that order. It copies what it keeps. The error joins the problems of
// all runners, each with the runner's name.
func New(rs []Runner) (*Table, error) {
	t := &Table{byKind: make(map[task.Kind]*group)}
	names := make(map[string]bool, len(rs))
	var problems []error
	for _, r := range rs {
		err := r.Validate()
		if names[r.Name] {
			err = errors.Join(err, errors.New("another runner has this name"))
		}
		if err != nil {
			problems = append(problems, fmt.Errorf("runner %q: %w", r.Name, err))
		}
		names[r.Name] = true
		t.runners = append(t.runners, r.clone())
	}
	if len(problems) > 0 {
		return nil, errors.Join(problems...)
	}
	for i := range t.runners {
		t.index(&t.runners[i])
	}
	return t, nil
}

// Validate returns nil if a table would take r beside runners with other names.
func (r *Runner) Validate() error {
	var problems []error
	if err := task.RunnerName(r.Name).Validate(); err != nil {
		problems = append(problems, fmt.Errorf("name %w", err))
	} else if strings.HasSuffix(r.Name, "-") {
		problems = append(problems, errors.New("name must not end with a hyphen"))
	}
	if err := task.ValidateLabels("labels", r.Labels); err != nil {
		problems = append(problems, err)
	}
	if len(r.Kinds) == 0 {
		problems = append(problems, errors.New("declares no kind"))
	}
	for i, k := range r.Kinds {
		switch err := k.Validate(); {
		case err != nil:
			problems = append(problems, fmt.Errorf("kinds[%d]: %w", i, err))
		case k == task.Embedded:
			problems = append(problems, fmt.Errorf("kinds[%d]: %s is code of the host itself, which no runner takes", i, k))
		case slices.Contains(r.Kinds[:i], k):
			problems = append(problems, fmt.Errorf("kinds[%d]: %s is declared twice", i, k))
		}
	}
	return errors.Join(problems...)
}

func (r *Runner) clone() Runner {
	labels := make(map[string]string, len(r.Labels)+1)
	maps.Copy(labels, r.Labels)
	labels[NameLabel] = r.Name
	return Runner{Name: r.Name, Labels: labels, Kinds: slices.Clone(r.Kinds)}
}

func (t *Table) index(r *Runner) {
	for _, k := range r.Kinds {
		g := t.byKind[k]
		if g == nil {
			g = new(group)
			t.byKind[k] = g
		}
		g.runners = append(g.runners, r)
		g.names = append(g.names, r.Name)
	}
}

// Runners returns copies of all runners in order, with the labels they are matched by.
func (t *Table) Runners() []Runner {
	rs := make([]Runner, 0, len(t.runners))
	for i := range t.runners {
		rs = append(rs, t.runners[i].clone())
	}
	return rs
}

// Kinds returns all kinds that some runner declares, sorted by their text.
func (t *Table) Kinds() []task.Kind {
	return slices.SortedFunc(maps.Keys(t.byKind), func(a, b task.Kind) int {
		return strings.Compare(a.String(), b.String())
	})
}
