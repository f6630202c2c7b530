package plugin

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/soltihq/solti-host/host/task"
)

func withSettings(s Settings, raw string) Settings {
	s.Settings = json.RawMessage(raw)
	return s
}

func TestSettingsReachThePlugin(t *testing.T) {
	t.Parallel()
	b := newSet(t, map[string]Settings{
		"good": withSettings(mode("settings"), `{"do":"","size":9}`), "none": mode("settings"),
	})
	b.settle()
	for _, name := range []string{"good", "none"} {
		works(t, b.plugin(name))
	}
	log := strings.ReplaceAll(b.log.String(), `\`, "")
	if want := `taken: {"do":"","size":9}`; !strings.Contains(log, want) || !strings.Contains(log, "plugins.good.settings.do") {
		t.Errorf("the log does not have %q:\n%s", want, log)
	}
	if strings.Contains(log, "plugins.none.settings") {
		t.Error("settings that nobody gave were handed over")
	}
}

// A plugin whose settings do not hold is not used, and the reason names them as they were written.
func TestSettingsThatAreNotTakenAreExplained(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		s    Settings
		want []string
	}{
		"takesnone": {withSettings(mode(""), `{"size":1}`), []string{"plugins.takesnone.settings: the plugin takes no settings"}},
		"wrongtype": {withSettings(mode("settings"), `{"do":1,"size":10}`), []string{"plugins.wrongtype.settings.do: ", "plugins.wrongtype.settings.size: "}},
		"refused":   {withSettings(mode("settings"), `{"do":"refuse"}`), []string{"plugins.refused.settings.pool.size: must not be odd", "plugins.refused.settings: is no good"}},
		"plain":     {withSettings(mode("settings"), `{"do":"plain"}`), []string{"plugins.plain.settings: no disk"}},
		"dies":      {withSettings(mode("settings"), `{"do":"die"}`), []string{"plugins.dies.settings: "}},
		"hangs":     {withSettings(mode("settings"), `{"do":"hang"}`), []string{"plugins.hangs.settings: it does not take them within"}},
		"badschema": {mode("settingsschema"), []string{"its settings: ", "begin with #"}},
	}
	plugins := map[string]Settings{"healthy": {}}
	for name, c := range cases {
		plugins[name] = c.s
	}
	b := newSet(t, plugins, func(o *Options) {
		o.Timing.Start, o.Timing.Crash, o.Timing.Probe = time.Minute, CrashPolicy{Quarantine: 1}, 20*time.Second
		o.Timing.Build = time.Second
	})
	works(t, b.awaitReady("healthy"))
	for name, c := range cases {
		s := b.await(name, "quarantined", isState(task.PluginQuarantined))
		for _, want := range c.want {
			if !strings.Contains(s.Reason, want) {
				t.Errorf("%s: the reason is %q, want %q", name, s.Reason, want)
			}
		}
	}
	works(t, b.plugin("healthy"))
}
