package plugin

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/soltihq/solti-host/host/task"
	pluginv1 "github.com/soltihq/solti-host/shared/proto/solti/plugin/v1"
)

// featureConfigure is the feature of plugins that take settings.
const featureConfigure = "configure"

// settingsPath is where the settings of a plugin lie in the host's configuration.
func settingsPath(name string) string { return "plugins." + name + ".settings" }

// configure hands over the operator's settings, before any task. A plugin that was given settings and
// does not take them is not used: what the operator decided would not hold.
func (g *generation) configure() error {
	p, at := g.plugin, settingsPath(g.plugin.name)
	raw := p.settings.Settings
	if len(raw) == 0 {
		return nil
	}
	if !slices.Contains(g.id.Features, featureConfigure) {
		return fmt.Errorf("%s: the plugin takes no settings: remove them from the configuration", at)
	}
	if errs := g.id.settings.check(raw); len(errs) > 0 {
		return errs
	}
	timing := p.set.o.Timing
	ctx, cancel := context.WithTimeout(p.set.run, timing.Build)
	defer cancel()
	stop := cancelOn(g.proc.Exited(), cancel)
	defer stop()
	began := time.Now()
	answer, err := g.client.Configure(ctx, &pluginv1.ConfigureRequest{ConfigJson: raw})
	p.observe("Configure", err, began)
	for _, w := range violationsOf(answer.GetWarnings()) {
		p.log.Warn("remark on the settings", "field", below(at, w.Path), "remark", w.Message)
	}
	if status.Code(err) == codes.DeadlineExceeded {
		return fmt.Errorf("%s: it does not take them within %s: %w", at, timing.Build, err)
	}
	return settingsError(at, err)
}

// settingsError says what a plugin does not like about its settings, by the path at which people wrote it.
func settingsError(at string, err error) error {
	if err == nil {
		return nil
	}
	var refused *task.Error
	if !errors.As(refusal(err), &refused) || len(refused.Violations) == 0 {
		return fmt.Errorf("%s: %s", at, bound(status.Convert(err).Message(), maxViolation))
	}
	var errs task.FieldErrors
	for _, v := range refused.Violations {
		errs.Add(below(at, v.Path), "%s", v.Message)
	}
	return errs
}

// below joins the path of a field to that of what it belongs to.
func below(at, path string) string {
	if path == "" || strings.HasPrefix(path, "[") {
		return at + path
	}
	return at + "." + path
}
