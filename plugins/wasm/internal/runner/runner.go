package runner

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/hashicorp/go-hclog"

	"github.com/soltihq/solti-host/plugins/wasm/internal/memfile"
	"github.com/soltihq/solti-host/plugins/wasm/internal/metrics"
	"github.com/soltihq/solti-host/plugins/wasm/internal/settings"
	"github.com/soltihq/solti-host/plugins/wasm/internal/workload"
	"github.com/soltihq/solti-host/sdk"
)

// Name of the runner.
const Name = "wasm"

var errClosed = errors.New("the runner is closed")

// A Runner runs workloads of kind Wasm.
type Runner struct {
	version string
	log     hclog.Logger
	metrics *metrics.Metrics
	leases  atomic.Uint64 // given out

	opening sync.Mutex // held while the engine is made or ended

	mu        sync.Mutex
	settings  *settings.Settings // guarded by mu; never changed once it is here
	fixed     bool               // guarded by mu; an engine was made, so settings stay
	listeners listeners          // guarded by mu
	engine    *engine            // guarded by mu; nil before the first attempt
	closed    bool               // guarded by mu
}

var (
	_ sdk.Configurer = (*Runner)(nil)
	_ sdk.Metered    = (*Runner)(nil)
)

// New makes a runner. A version that does not look like v1.2.3 is not told.
func New(version string, log hclog.Logger) *Runner {
	r := &Runner{settings: settings.Default(), log: log}
	r.metrics = metrics.New(r.figures)
	if v, ok := strings.CutPrefix(version, "v"); ok && strings.Count(v, ".") >= 2 {
		r.version = v
	}
	return r
}

// Metrics returns where the runner's metrics are gathered.
func (r *Runner) Metrics() sdk.Gatherer { return r.metrics.Registry() }

// Name says who the runner is. How many attempts it makes at one time is not said: the host asks before it
// hands over the settings. Those that are too many wait.
func (r *Runner) Name() sdk.Info {
	return sdk.Info{
		Name: Name, Version: r.version, Type: Name, ConfigSchema: settings.Schema,
		Kinds: []sdk.Kind{{APIVersion: workload.APIVersion, Kind: workload.Kind, Schema: workload.Schema, SupportsAll: true}},
	}
}

// Configure takes the operator's settings. They can be changed until the first attempt: from then on there
// are caches and workers that were made with them.
func (r *Runner) Configure(_ context.Context, raw json.RawMessage) error {
	s, err := settings.Parse(raw)
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.closed:
		return errClosed
	case r.fixed && reflect.DeepEqual(s, r.settings):
		return nil
	case r.fixed:
		return errors.New("settings can only be changed by a restart of the plugin once it has run a task")
	}
	opened, err := r.listeners.with(s.Listeners)
	if err != nil {
		return err
	}
	r.settings, r.listeners = s, opened
	return nil
}

// Supports takes every task of its kind.
func (r *Runner) Supports(_ context.Context, spec *sdk.Spec) error { return checkKind(spec) }

func checkKind(spec *sdk.Spec) error {
	if spec.APIVersion != workload.APIVersion || spec.Kind != workload.Kind {
		return sdk.UnsupportedKind(spec.APIVersion, spec.Kind)
	}
	return nil
}

// BuildTask checks what a workload wishes against what the operator grants. Its module is looked at by
// the attempt: that takes time, and the file may come and go.
func (r *Runner) BuildTask(_ context.Context, build *sdk.Build) (sdk.Task, error) {
	if err := checkKind(build.Spec); err != nil {
		return nil, err
	}
	w, err := workload.Parse(build.Spec)
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	s := r.settings
	r.mu.Unlock()
	if err := s.Check(w); err != nil {
		return nil, err
	}
	for name, value := range build.Env {
		if problem := workload.EnvProblem(name, value); problem != "" {
			return nil, fmt.Errorf("environment of the runner: variable %q: %s", name, problem)
		}
	}
	return &task{
		runner: r, workload: w, settings: s, env: build.Env, stateDir: build.StateDir, name: build.Spec.Name,
	}, nil
}

// listener returns a descriptor for the socket of that name, which its caller closes.
func (r *Runner) listener(name string) (*os.File, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	l, ok := r.listeners[name]
	if !ok {
		return nil, fmt.Errorf("listener %q: %w", name, errClosed)
	}
	return memfile.Dup(l.file)
}

// Close ends everything that the runner has started. Attempts that are alive crash.
func (r *Runner) Close() error {
	r.opening.Lock()
	defer r.opening.Unlock()
	r.mu.Lock()
	e := r.engine
	r.closed, r.engine = true, nil
	r.listeners.close()
	r.listeners = nil
	r.mu.Unlock()
	if e == nil {
		return nil
	}
	return e.close()
}
