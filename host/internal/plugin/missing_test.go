package plugin

import (
	"strings"
	"testing"

	"github.com/soltihq/solti-host/host/task"
)

func TestSettingsOfPluginsThatAreNotThereAreTold(t *testing.T) {
	b := newSet(t, map[string]Settings{"good": {}}, func(o *Options) {
		o.Plugins = map[string]Settings{
			"good": {}, "godo": {Labels: map[string]string{"zone": "eu"}}, "vital": {Required: true},
			"off": {Disabled: true}, "listed": {Args: []string{"x"}},
		}
		o.Order = []string{"listed"}
	})
	got := map[string]task.Plugin{}
	for _, p := range b.Status() {
		got[p.Name] = p
	}
	for name, want := range map[string]string{
		"godo":   "has no file solti-runner-godo: if good is meant, correct the setting",
		"vital":  "it is required, but " + b.opts.Dir + " has no file solti-runner-vital: put the file there",
		"listed": "the configured order names",
	} {
		if p := got[name]; p.State != task.PluginRejected || !strings.Contains(p.Reason, want) || p.Required != (name == "vital") {
			t.Errorf("%s is %+v, want rejected and %q", name, p, want)
		}
	}
	if _, ok := got["off"]; ok || len(got) != 4 {
		t.Errorf("plugins %v", got)
	}
	log := b.log.String()
	for _, want := range []string{
		`[WARN]  a plugin with settings is missing: plugin=godo`, "setting=plugins.godo ",
		`[ERROR] a plugin with settings is missing: plugin=vital`, "setting=plugins.vital.required",
	} {
		if !strings.Contains(log, want) {
			t.Errorf("the log lacks %q", want)
		}
	}
	if strings.Contains(log, "plugin=off") {
		t.Error("a disabled plugin that is not there was told")
	}
}
