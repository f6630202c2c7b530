package runner

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/hashicorp/go-hclog"

	"github.com/soltihq/solti-host/plugins/wasm/internal/settings"
	"github.com/soltihq/solti-host/plugins/wasm/internal/workload"
	"github.com/soltihq/solti-host/sdk"
)

// Name of the runner.
const Name = "wasm"

// A Runner runs workloads of kind Wasm.
type Runner struct {
	version string
	log     hclog.Logger

	mu        sync.Mutex
	settings  *settings.Settings  // guarded by mu; never changed once it is here
	listeners map[string]*os.File // guarded by mu
	engine    *engine             // guarded by mu; nil before the first attempt
}

var _ sdk.Configurer = (*Runner)(nil)

// New makes a runner. A version that does not look like v1.2.3 is not told.
func New(version string, log hclog.Logger) *Runner {
	r := &Runner{settings: settings.Default(), log: log}
	if v, ok := strings.CutPrefix(version, "v"); ok && strings.Count(v, ".") >= 2 {
		r.version = v
	}
	return r
}

// Name says who the runner is.
func (r *Runner) Name() sdk.Info {
	r.mu.Lock()
	defer r.mu.Unlock()
	return sdk.Info{
		Name: Name, Version: r.version, Type: Name, MaxRuns: r.settings.Workers.AtOnce, ConfigSchema: settings.Schema,
		Kinds: []sdk.Kind{{APIVersion: workload.APIVersion, Kind: workload.Kind, Schema: workload.Schema, SupportsAll: true}},
	}
}

// Configure takes the operator's settings. They hold for tasks that are built from now on; the bounds of
// caches and the addresses of listeners only before the first attempt.
func (r *Runner) Configure(_ context.Context, raw json.RawMessage) error {
	s, err := settings.Parse(raw)
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.engine != nil {
		return errors.New("settings can only be changed by a restart of the plugin once it has run a task")
	}
	opened, err := listen(s.Listeners)
	if err != nil {
		return err
	}
	closeAll(r.listeners)
	r.settings, r.listeners = s, opened
	return nil
}

// listen opens the operator's listeners.
func listen(addresses map[string]string) (map[string]*os.File, error) {
	opened := make(map[string]*os.File)
	var v sdk.Violations
	for _, name := range slices.Sorted(maps.Keys(addresses)) {
		file, err := listenAt(addresses[name])
		if err != nil {
			v.Add("listeners."+name, "%v", err)
			continue
		}
		opened[name] = file
	}
	if err := v.Err(); err != nil {
		closeAll(opened)
		return nil, err
	}
	return opened, nil
}

func listenAt(address string) (*os.File, error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, err
	}
	defer func() { _ = l.Close() }()
	return l.(*net.TCPListener).File() //nolint:forcetypeassert // net says so
}

func closeAll(files map[string]*os.File) {
	for _, f := range files {
		_ = f.Close()
	}
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
		runner: r, workload: w, settings: s, env: sdk.MergeEnv(w.Env, build.Env), stateDir: build.StateDir,
		lease: build.Spec.UID + "/" + fmt.Sprint(build.Spec.Generation), name: build.Spec.Name,
	}, nil
}

// listener returns the socket of that name.
func (r *Runner) listener(name string) *os.File {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.listeners[name]
}

// Close ends everything that the runner has started.
func (r *Runner) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	closeAll(r.listeners)
	r.listeners = nil
	if r.engine == nil {
		return nil
	}
	err := r.engine.close()
	r.engine = nil
	return err
}
