// Command solti-runner-probe is a runner plugin for solti-host, made to be copied. It runs tasks of the
// kind Probe of acme.dev/v1, which wait until something can be reached.
//
// This file is all the glue that a plugin needs; probe.go does the work and knows nothing of plugins.
package main

import (
	"context"
	_ "embed"

	"github.com/soltihq/solti-host/sdk"
)

func main() { sdk.Serve(runner{}) }

//go:embed probe.schema.json
var schema []byte

// runner is the plugin: who it is, what it takes, and how a task is made runnable.
type runner struct{}

func (runner) Name() sdk.Info {
	return sdk.Info{
		Name:    "probe", // the binary is called solti-runner-probe
		Version: "0.1.0",
		Kinds:   []sdk.Kind{{APIVersion: "acme.dev/v1", Kind: "Probe", Schema: schema, SupportsAll: true}},
	}
}

func (runner) Supports(context.Context, *sdk.Spec) error { return nil }

func (runner) BuildTask(_ context.Context, b *sdk.Build) (sdk.Task, error) {
	p := probe{Every: defaultEvery}
	if err := b.Spec.Decode(&p); err != nil {
		return nil, err
	}
	if p.Target == "" {
		return nil, sdk.MissingField("target")
	}
	if err := p.check(); err != nil {
		return nil, sdk.InvalidSpec("target", "%v", err)
	}
	return task{p}, nil
}

// task is a probe that can be run, any number of times.
type task struct{ probe probe }

// Run makes one attempt. When ctx ends somebody wants it to end, and its cause says why.
func (t task) Run(ctx context.Context, run *sdk.Run) error { return t.probe.wait(ctx, run.Stdout) }
