package host

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/soltihq/solti-host/host/internal/execute"
	"github.com/soltihq/solti-host/host/internal/plugin"
	"github.com/soltihq/solti-host/host/internal/router"
	"github.com/soltihq/solti-host/host/task"
)

// runners joins the plugins with the table that routes to them. The table is replaced when a plugin's
// state or kinds have changed.
type runners struct {
	now     atomic.Pointer[routes]
	ready   chan struct{} // closed by settle
	settles sync.Once
}

// routes is one view of the plugins.
type routes struct {
	table  *router.Table
	byName map[string]*plugin.Plugin
	out    string // what to say of plugins that are not in the table
}

func newRunners() *runners {
	r := &runners{ready: make(chan struct{})}
	r.load(nil)
	return r
}

// settle says that every plugin has had its first chance to start, and that the routes know.
func (r *runners) settle() { r.settles.Do(func() { close(r.ready) }) }

// settled is closed by settle.
func (r *runners) settled() <-chan struct{} { return r.ready }

// Settled implements [dispatch.Runners].
func (r *runners) Settled() error {
	select {
	case <-r.ready:
		return nil
	default:
		return fmt.Errorf("%w: plugins are starting", task.ErrNotReady)
	}
}

// load takes a new view. Plugins that have not said yet what they run are left out.
func (r *runners) load(set *plugin.Set) {
	v := &routes{byName: map[string]*plugin.Plugin{}}
	var all []router.Runner
	if set != nil {
		v.out = outOfService(set)
		for _, p := range set.Plugins() {
			var kinds []task.Kind
			for _, k := range p.Kinds() {
				kinds = append(kinds, task.Kind{APIVersion: k.APIVersion, Name: k.Kind})
			}
			v.byName[p.Name()] = p
			if len(kinds) > 0 {
				all = append(all, router.Runner{Name: p.Name(), Labels: p.Labels(), Kinds: kinds})
			}
		}
	}
	table, err := router.New(all)
	if err != nil { // plugins are checked before they are registered: keep the last good view
		return
	}
	v.table = table
	r.now.Store(v)
}

// Candidates implements [execute.Runners].
func (r *runners) Candidates(spec *task.Spec) ([]execute.Runner, []task.Refusal) {
	v := r.now.Load()
	names, refused := v.table.Candidates(spec)
	fit := make([]execute.Runner, len(names))
	for i, n := range names {
		fit[i] = v.byName[n]
	}
	return fit, refused
}

// Runner implements [execute.Runners].
func (r *runners) Runner(name string) execute.Runner {
	if p := r.now.Load().byName[name]; p != nil {
		return p
	}
	return nil
}

// Static implements [dispatch.Runners]. The spec must satisfy the schema of one of the runners that
// may take it; otherwise the problems are those of the first.
func (r *runners) Static(spec *task.Spec) error {
	v := r.now.Load()
	names, err := v.table.Route(spec)
	if err != nil {
		var refused *task.Error
		if errors.As(err, &refused) {
			return err
		}
		return unroutable(spec, err, v.out)
	}
	var first task.FieldErrors
	for _, n := range names {
		problems := v.byName[n].ValidateSpec(spec.Workload)
		if len(problems) == 0 {
			return nil
		}
		if first == nil {
			first = problems
		}
	}
	return first
}

// unroutable is the refusal of a spec that no runner may take, with the field that is to be changed.
func unroutable(spec *task.Spec, err error, out string) *task.Error {
	path := "spec.workload.kind"
	var none *router.NoRunnerError
	if errors.As(err, &none) && slices.Contains(none.Kinds, spec.Workload.Type()) {
		path = "spec.runnerSelector"
	}
	message := err.Error() + out
	return &task.Error{
		Reason: task.ReasonNoRunner, Message: message, Err: err,
		Violations: task.FieldErrors{{Path: path, Message: message}},
	}
}

// outOfService names the plugins that cannot be asked because they never said what they run.
func outOfService(set *plugin.Set) string {
	var names []string
	for _, p := range set.Status() {
		if len(p.Kinds) == 0 && p.State != task.PluginDisabled {
			names = append(names, fmt.Sprintf("%s is %s", p.Name, p.State))
		}
	}
	if names == nil {
		return ""
	}
	return "; plugins that cannot be asked: " + strings.Join(names, ", ") + " (solti-host plugin list says why)"
}
