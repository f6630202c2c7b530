package plugin

import (
	"context"
	"errors"
	"fmt"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/soltihq/solti-host/host/task"
	pluginv1 "github.com/soltihq/solti-host/shared/proto/solti/plugin/v1"
)

// call makes one unary call to the ready generation. Its error is a *task.Error, a *CapacityError, one
// that wraps ErrDown, the end of ctx, or a deadline.
func (p *Plugin) call(ctx context.Context, method string, d time.Duration, f func(context.Context, *generation) error) error {
	g := p.current.Load()
	if g == nil {
		return fmt.Errorf("plugin %s: %w", p.name, ErrDown)
	}
	bounded, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	began := time.Now()
	err := f(bounded, g)
	p.observe(method, err, began)
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if told := refusal(err); told != nil {
		return told
	}
	switch status.Code(err) {
	case codes.Unavailable, codes.Canceled:
		return fmt.Errorf("plugin %s: %w: %s: %s", p.name, ErrDown, method, status.Convert(err).Message())
	case codes.DeadlineExceeded:
		return fmt.Errorf("plugin %s did not answer %s within %s: %w", p.name, method, d, context.DeadlineExceeded)
	default:
		return &task.Error{
			Reason: task.ReasonInternal, Err: err,
			Message: task.Truncate(fmt.Sprintf("plugin %s: %s: %s", p.name, method, status.Convert(err).Message())),
		}
	}
}

// observe tells the observer of a call.
func (p *Plugin) observe(method string, err error, began time.Time) {
	p.set.o.Observer.PluginCall(p.name, method, status.Code(err).String(), time.Since(began))
}

// Supports asks the plugin whether it takes t, unless it has promised to take all tasks of the kind.
// It returns nil, a [*task.Error] that says why not, or an error that says why there is no answer:
// [ErrDown], a deadline, the end of ctx.
func (p *Plugin) Supports(ctx context.Context, t *task.Task) error {
	if g := p.current.Load(); g != nil && g.id.supportsAll(t.Spec.Workload.Type()) {
		return nil
	}
	var answer *pluginv1.SupportsResponse
	err := p.call(ctx, "Supports", p.set.o.Timing.Call, func(ctx context.Context, g *generation) (err error) {
		answer, err = g.client.Supports(ctx, &pluginv1.SupportsRequest{Task: toWire(t)})
		return err
	})
	if err != nil || answer.GetSupported() {
		return err
	}
	reason := answer.GetReason()
	if reason == "" {
		reason = "it does not say why"
	}
	return &task.Error{Reason: task.ReasonUnsupportedKind, Message: task.Truncate(reason)}
}

// Build has the plugin check t and prepare what its attempts share, under the id handle of at most 128
// bytes. With dryRun it keeps nothing. It returns nil, a [*task.Error] with what is wrong with the
// task, a [*CapacityError], or an error that says why there is no answer.
func (p *Plugin) Build(ctx context.Context, handle string, t *task.Task, dryRun bool) error {
	err := p.call(ctx, "BuildTask", p.set.o.Timing.Build, func(ctx context.Context, g *generation) error {
		answer, err := g.client.BuildTask(ctx, p.buildRequest(handle, t, dryRun))
		for _, w := range violationsOf(answer.GetWarnings()) {
			p.log.Warn("remark on a task", "task", t.Metadata.Name, "field", w.Path, "remark", w.Message)
		}
		return err
	})
	var refused *task.Error
	if errors.As(err, &refused) && refused.Reason == task.ReasonInternal && refused.Err == nil {
		p.log.Error("the plugin failed to build a task", "task", t.Metadata.Name, "error", refused.Message)
	}
	return err
}

func (p *Plugin) buildRequest(handle string, t *task.Task, dryRun bool) *pluginv1.BuildTaskRequest {
	return &pluginv1.BuildTaskRequest{
		HandleId: handle, Task: toWire(t), DryRun: dryRun,
		Context: &pluginv1.BuildContext{Env: p.settings.TaskEnv, StateDir: p.data},
	}
}
