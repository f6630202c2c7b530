package sdktest

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/soltihq/solti-host/sdk"
	pluginv1 "github.com/soltihq/solti-host/shared/proto/solti/plugin/v1"
)

func (s *suite) hygieneChecks() []check {
	return []check{
		{"EnvironmentOfTasks", s.environment},
		{"NoDescriptorsLeak", s.descriptors},
	}
}

// environment checks what tasks see: the layers in their order, and nothing that is between host and
// plugin.
func (s *suite) environment(t *testing.T) {
	need(t, s.PrintEnv)
	p := start(t, s.Config, "SDKTEST_SECRET=of the plugin", "SOLTI_PLUGIN=sdktest/1")
	req := s.request(s.PrintEnv)
	req.Build.Context.Env = map[string]string{"SDKTEST_BUILD": "build", "SDKTEST_BOTH": "build"}
	req.Env = map[string]string{"SDKTEST_RUN": "run", "SDKTEST_BOTH": "run"}
	r := p.attempt(t, req, nil).finish(t)
	wantResult(t, r, pluginv1.Result_RESULT_SUCCEEDED)
	got := make(map[string]string)
	for line := range strings.Lines(r.stdout.String()) {
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
		got[name] = value
	}
	want := map[string]string{"SDKTEST_BUILD": "build", "SDKTEST_RUN": "run", "SDKTEST_BOTH": "run"}
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if got[name] != want[name] {
			t.Errorf("the task sees %s=%q, want %q", name, got[name], want[name])
		}
	}
	for name := range got {
		if strings.HasPrefix(name, "PLUGIN_") || slices.Contains(pluginsOwn, name) {
			t.Errorf("the task sees %s, which is the plugin's", name)
		}
	}
}

// pluginsOwn are variables of a plugin that no task may see. Some of the host's are not among them: a
// runner may mark its processes with them.
var pluginsOwn = []string{
	sdk.Handshake.MagicCookieKey, sdk.EnvLogLevel, sdk.EnvGeneration, sdk.EnvHostPID, sdk.EnvCgroup,
	"SOLTI_PLUGIN", "SDKTEST_SECRET",
}

// descriptors checks that a run leaves nothing open in the plugin.
func (s *suite) descriptors(t *testing.T) {
	need(t, s.OK)
	p := start(t, s.Config)
	runs := 50
	if long() {
		runs = 1000
	}
	for range 10 { // what is opened once
		s.run(t, p, s.OK)
	}
	before := openFiles(p.cmd.Process.Pid)
	if before < 0 {
		t.Skip("this system does not tell")
	}
	for range runs {
		s.run(t, p, s.OK)
	}
	eventually(t, s.soon(), "open descriptors", func() error {
		if after := openFiles(p.cmd.Process.Pid); after > before+5 {
			return fmt.Errorf("%d, and %d before %d runs", after, before, runs)
		}
		return nil
	})
}
