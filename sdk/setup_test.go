package sdk_test

import (
	"context"

	"github.com/soltihq/solti-host/sdk"
	pluginv1 "github.com/soltihq/solti-host/shared/proto/solti/plugin/v1"
	taskv1 "github.com/soltihq/solti-host/shared/proto/solti/task/v1"
)

// A runner is made of functions; those that are nil do the simplest thing.
type runner struct {
	info     *sdk.Info
	supports func(*sdk.Spec) error
	build    func(context.Context, *sdk.Build) (sdk.Task, error)
	run      taskFunc
}

var testInfo = sdk.Info{
	Name:    "test",
	Version: "1.2.3",
	Kinds:   []sdk.Kind{{APIVersion: "test.dev/v1", Kind: "Test"}},
}

func (r runner) Name() sdk.Info {
	if r.info != nil {
		return *r.info
	}
	return testInfo
}

func (r runner) Supports(_ context.Context, spec *sdk.Spec) error {
	if r.supports == nil {
		return nil
	}
	return r.supports(spec)
}

func (r runner) BuildTask(ctx context.Context, b *sdk.Build) (sdk.Task, error) {
	if r.build != nil {
		return r.build(ctx, b)
	}
	return r.run, nil
}

type taskFunc func(context.Context, *sdk.Run) error

func (f taskFunc) Run(ctx context.Context, run *sdk.Run) error { return f(ctx, run) }

func taskOf(spec string) *taskv1.Task {
	return &taskv1.Task{
		Metadata: &taskv1.Metadata{Name: "t", Uid: "u", Generation: 1},
		Spec: &taskv1.Spec{
			Slot:     "s",
			Workload: &taskv1.Workload{ApiVersion: "test.dev/v1", Kind: "Test", SpecJson: []byte(spec)},
		},
	}
}

func buildRequest(id, spec string) *pluginv1.BuildTaskRequest {
	return &pluginv1.BuildTaskRequest{HandleId: id, Task: taskOf(spec)}
}
