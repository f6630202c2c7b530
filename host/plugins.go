package host

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/soltihq/solti-host/host/internal/plugin"
	"github.com/soltihq/solti-host/host/task"
)

// openPlugins prepares the plugins, if there is a directory for them.
func (h *Host) openPlugins() error {
	if h.options.PluginDir == "" {
		return nil
	}
	sweepTemp()
	stateDir := h.options.StateDir
	if stateDir == "" {
		dir, remove, err := TempStateDir()
		if err != nil {
			return fmt.Errorf("make a directory for the plugins' sockets: %w", err)
		}
		h.removeScratch, stateDir = remove, dir
	}
	o := plugin.Options{
		Dir: h.options.PluginDir, RunDir: filepath.Join(stateDir, "run"), StateDir: stateDir,
		Order: h.options.PluginOrder, Plugins: map[string]plugin.Settings{},
		HostID: h.restored.Meta.Epoch, HostVersion: h.options.Version,
		Log: h.log, Observer: &h.metrics.Plugins, Subreaper: h.options.Subreaper,
	}
	for name, p := range h.options.Plugins {
		o.Plugins[name] = plugin.Settings(p)
	}
	set, err := plugin.Open(o)
	if err != nil {
		return err
	}
	h.plugins = set
	return nil
}

// Plugins returns what is known of every plugin, in the order of registration.
func (h *Host) Plugins() []task.Plugin {
	if h.plugins == nil {
		return nil
	}
	return h.plugins.Status()
}

// Explain says who would run t, and why the others would not. It asks the runners and changes nothing.
func (h *Host) Explain(ctx context.Context, t *task.Task) (*task.Explanation, error) {
	if err := h.settle(ctx); err != nil {
		return nil, err
	}
	if err := h.whole(t).Validate(); err != nil {
		return nil, err
	}
	if err := h.runners.Static(&t.Spec); err != nil {
		var refused *task.Error
		if !errors.As(err, &refused) {
			return nil, err
		}
	}
	return h.executor.Explain(ctx, t), nil
}

// Ready reports whether the host takes submissions, and otherwise what is missing.
func (h *Host) Ready() (bool, []string) {
	problems := []string{}
	if err := h.started(); err != nil {
		problems = append(problems, err.Error())
	} else if err := h.runners.Settled(); err != nil {
		problems = append(problems, err.Error())
	}
	for _, p := range h.Plugins() {
		if p.Required && p.State != task.PluginReady {
			problems = append(problems, fmt.Sprintf("required plugin %s is %s: %s", p.Name, p.State, p.Reason))
		}
	}
	if err := h.state.Accepting(); err != nil {
		problems = append(problems, err.Error())
	}
	return len(problems) == 0, problems
}

func (h *Host) started() error {
	if h.supervisor == nil {
		return fmt.Errorf("%w: it has not been started", task.ErrNotReady)
	}
	return nil
}
