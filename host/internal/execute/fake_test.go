package execute_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/soltihq/solti-host/host/internal/execute"
	"github.com/soltihq/solti-host/host/internal/output"
	"github.com/soltihq/solti-host/host/internal/plugin"
	"github.com/soltihq/solti-host/host/internal/supervisor"
	"github.com/soltihq/solti-host/host/task"
	pluginv1 "github.com/soltihq/solti-host/shared/proto/solti/plugin/v1"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A fakeRunner takes everything and succeeds, unless the test says otherwise.
type fakeRunner struct {
	name     string
	down     bool
	maxRuns  int
	supports error
	build    error
	run      func(ctx context.Context, a plugin.Attempt, s plugin.Sink) (plugin.Exit, error)

	mu       sync.Mutex
	asked    int      // guarded by mu; calls of Supports
	built    []string // guarded by mu; handles, with " dry" where nothing was to be kept
	released []string // guarded by mu; handles
}

func (r *fakeRunner) Name() string { return r.name }
func (r *fakeRunner) Ready() bool  { return !r.down }
func (r *fakeRunner) MaxRuns() int { return r.maxRuns }

func (r *fakeRunner) Supports(context.Context, *task.Task) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asked++
	return r.supports
}

func (r *fakeRunner) Build(_ context.Context, handle string, _ *task.Task, dryRun bool) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if dryRun {
		handle += " dry"
	}
	r.built = append(r.built, handle)
	return r.build
}

func (r *fakeRunner) Run(ctx context.Context, a plugin.Attempt, s plugin.Sink) (plugin.Exit, error) {
	if r.run == nil {
		return plugin.Exit{Result: pluginv1.Result_RESULT_SUCCEEDED}, nil
	}
	return r.run(ctx, a, s)
}

func (r *fakeRunner) Release(handle string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.released = append(r.released, handle)
}

// fakeRunners fit every spec, in this order.
type fakeRunners struct {
	all     []*fakeRunner
	refused []task.Refusal
}

func (f *fakeRunners) Candidates(*task.Spec) ([]execute.Runner, []task.Refusal) {
	var fit []execute.Runner
	for _, r := range f.all {
		fit = append(fit, r)
	}
	return fit, f.refused
}

func (f *fakeRunners) Runner(name string) execute.Runner {
	for _, r := range f.all {
		if r.name == name {
			return r
		}
	}
	return nil
}

// bundle is an Executor with runners made of functions and outputs in memory.
type bundle struct {
	t       *testing.T
	x       *execute.Executor
	runners *fakeRunners
	outputs *output.Store
	facts   map[string]string // of the last attempt that told any
}

func setup(t *testing.T, runners ...*fakeRunner) *bundle {
	t.Helper()
	outputs, err := output.Open("", output.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := outputs.Close(); err != nil {
			t.Errorf("close the outputs: %v", err)
		}
	})
	b := &bundle{t: t, runners: &fakeRunners{all: runners}, outputs: outputs}
	b.x = execute.New(execute.Options{Runners: b.runners, Outputs: outputs, StopGrace: 3 * time.Second})
	return b
}

func newTask(kind string) *task.Task {
	return &task.Task{
		Metadata: task.Metadata{Name: "a", UID: task.NewUID(time.Now()), Generation: 2},
		Spec:     task.Spec{Slot: "s", Workload: task.Workload{APIVersion: task.APIVersion, Kind: kind}},
	}
}

// attempt runs the first attempt of t with runner and returns its result and what it wrote.
func (b *bundle) attempt(ctx context.Context, t *task.Task, runner string) (r supervisor.Result, stdout, stderr string, started int) {
	b.t.Helper()
	run := &task.Run{Attempt: t.Status.Attempt + 1, RunID: "r-s-1", Runner: runner}
	r = b.x.Run(ctx, supervisor.Attempt{
		Task: t, Run: run, Started: func() { started++ }, Facts: func(facts map[string]string) { b.facts = facts },
	})
	rd := b.outputs.Follow(output.Key{UID: t.Metadata.UID, Attempt: run.Attempt}, r.OutputRef, task.Cursor{}, output.Filter{})
	defer rd.Close()
	var out [3]strings.Builder
	for {
		c, err := rd.Next(b.t.Context())
		if errors.Is(err, io.EOF) {
			return r, out[task.Stdout].String(), out[task.Stderr].String(), started
		}
		if err != nil {
			b.t.Fatalf("read the output: %v", err)
		}
		out[c.Stream].Write(c.Data)
		if c.Gap > 0 {
			out[c.Stream].WriteString("<gap: " + c.Why + ">")
		}
	}
}
