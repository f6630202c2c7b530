package plugin

import (
	"fmt"
	"maps"
	"slices"

	"github.com/soltihq/solti-host/host/internal/discovery"
	"github.com/soltihq/solti-host/host/task"
)

// missing reports plugins that have settings and no file, as rejected ones: a name may be misspelt,
// and settings that do nothing are not what the operator wanted. A plugin that is disabled may well not
// be there. The caller holds mu.
func (s *Set) missing(dir string) {
	var there []string
	for _, p := range s.plugins {
		there = append(there, p.name)
	}
	for _, p := range s.refused {
		there = append(there, p.Name)
	}
	for _, name := range slices.Sorted(maps.Keys(s.o.Plugins)) {
		settings := s.o.Plugins[name]
		if settings.Disabled || slices.Contains(there, name) {
			continue
		}
		why, setting, tell := "there are settings for it", "plugins."+name, s.o.Log.Warn
		if settings.Required {
			why, setting, tell = "it is required", setting+".required", s.o.Log.Error
		}
		reason := fmt.Sprintf("%s, but %s has no file %s%s", why, dir, discovery.Prefix, name)
		remedy := "put the file there and restart the host, or remove the setting"
		if like := task.Closest(name, there); like != "" {
			remedy = fmt.Sprintf("if %s is meant, correct the setting; else %s", like, remedy)
		}
		tell("a plugin with settings is missing", "plugin", name, "reason", reason, "setting", setting, "remedy", remedy)
		s.refuse(task.Plugin{Name: name, State: task.PluginRejected, Reason: reason + ": " + remedy})
	}
}
