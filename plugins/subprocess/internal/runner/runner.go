package runner

import (
	"context"
	"strings"

	"github.com/soltihq/solti-host/plugins/subprocess/internal/process"
	"github.com/soltihq/solti-host/plugins/subprocess/internal/workload"
	"github.com/soltihq/solti-host/sdk"
)

// Name of the runner.
const Name = "subprocess"

// An Engine runs commands: [process.Engine], or a fake.
type Engine interface {
	Run(ctx context.Context, cmd *process.Command) (process.Exit, error)
}

// A Runner runs workloads of kind Subprocess.
type Runner struct {
	engine  Engine
	version string
	base    map[string]string
}

var _ sdk.Runner = (*Runner)(nil)

// New makes a runner. A version that does not look like v1.2.3 is not told.
func New(engine Engine, version string) *Runner {
	r := &Runner{engine: engine, base: baseEnv()}
	if v, ok := strings.CutPrefix(version, "v"); ok && strings.Count(v, ".") >= 2 {
		r.version = v
	}
	return r
}

// Name says who the runner is.
func (r *Runner) Name() sdk.Info {
	return sdk.Info{
		Name:    Name,
		Version: r.version,
		Type:    Name,
		Kinds: []sdk.Kind{{
			APIVersion:  workload.APIVersion,
			Kind:        workload.Kind,
			Schema:      workload.Schema,
			SupportsAll: true,
		}},
	}
}

// Supports takes every task of its kind.
func (r *Runner) Supports(_ context.Context, spec *sdk.Spec) error { return checkKind(spec) }

// BuildTask checks a workload and prepares its environment. Whether its program exists is found out by
// each attempt: it may come and go between them.
func (r *Runner) BuildTask(_ context.Context, build *sdk.Build) (sdk.Task, error) {
	if err := checkKind(build.Spec); err != nil {
		return nil, err
	}
	w, err := workload.Parse(build.Spec)
	if err != nil {
		return nil, err
	}
	if err := checkOperatorEnv(build.Env); err != nil {
		return nil, err
	}
	t := &task{engine: r.engine, dir: w.Dir(), fails: w.Fails()}
	t.program, t.script, t.args = w.Program()
	t.env = newEnv(r.base, w.Env, build)
	return t, nil
}

func checkKind(spec *sdk.Spec) error {
	if spec.APIVersion != workload.APIVersion || spec.Kind != workload.Kind {
		return sdk.UnsupportedKind(spec.APIVersion, spec.Kind)
	}
	return nil
}
