package host

import (
	"fmt"

	"github.com/soltihq/solti-host/host/internal/discovery"
	"github.com/soltihq/solti-host/host/task"
)

// PluginFile returns the path of the plugin of that name, which a host with these options would start: it has
// passed the same checks. It is for programs that offer what a plugin's binary can do beside running tasks. If
// there is none, or it is not safe to start, the error is a [*task.Error] of reason NoRunner that says why.
func PluginFile(o Options, name string) (string, error) {
	none := func(format string, args ...any) error {
		return &task.Error{Reason: task.ReasonNoRunner, Message: fmt.Sprintf(format, args...), Err: task.ErrNoRunner}
	}
	if o.PluginDir == "" {
		return "", none("there is no plugins directory, so there is no plugin %s", name)
	}
	found, err := discovery.Scan(o.PluginDir, nil)
	if err != nil {
		return "", none("plugin %s: %v", name, err)
	}
	for _, f := range found.Accepted {
		if f.Name == name {
			return f.Path, nil
		}
	}
	for _, r := range found.Rejected {
		if r.Name == name {
			return "", none("plugin %s: %s", name, r.Error())
		}
	}
	return "", none("%s has no file %s%s", found.Dir, discovery.Prefix, name)
}
