// Command steady is a runner plugin for chaos tests: its tasks write a line every few milliseconds
// and succeed. It is the neighbour that must not notice when another plugin goes down.
package main

import (
	"context"
	"fmt"
	"time"

	"github.com/soltihq/solti-host/sdk"
)

func main() { sdk.Serve(runner{}) }

// runner runs tasks of the kind Steady of chaos.example/v1.
type runner struct{}

func (runner) Name() sdk.Info {
	return sdk.Info{
		Name:    "steady",
		Version: "0.1.0",
		Kinds:   []sdk.Kind{{APIVersion: "chaos.example/v1", Kind: "Steady", SupportsAll: true}},
	}
}

func (runner) Supports(context.Context, *sdk.Spec) error { return nil }

func (runner) BuildTask(_ context.Context, b *sdk.Build) (sdk.Task, error) {
	t := steady{Every: 10 * time.Millisecond}
	err := b.Spec.Decode(&t)
	return t, err
}

// steady is a task.
type steady struct {
	Lines int           `json:"lines"`
	Every time.Duration `json:"every"` // between two lines
}

// Run writes the lines.
func (t steady) Run(ctx context.Context, run *sdk.Run) error {
	tick := time.NewTicker(t.Every)
	defer tick.Stop()
	for i := range t.Lines {
		if _, err := fmt.Fprintf(run.Stdout, "%d %s\n", i+1, run.ID); err != nil {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}
