package settings_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/soltihq/solti-host/plugins/internal/schematest"
	"github.com/soltihq/solti-host/plugins/wasm/internal/settings"
	"github.com/soltihq/solti-host/plugins/wasm/internal/workload"
	"github.com/soltihq/solti-host/sdk"
)

func TestSettings(t *testing.T) {
	raw, err := json.Marshal(map[string]any{
		"mounts":     []map[string]string{{"path": "/srv/data/"}, {"path": "/var/out", "mode": "rw"}},
		"listeners":  map[string]string{"web": "127.0.0.1:0"},
		"compile":    map[string]any{"cpu": "10s"},
		"workers":    map[string]any{"warm": 0},
		"signatures": map[string]any{"keys": []string{"/etc/key.pem"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	s, err := settings.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	if s.Compile.CPU != 10*time.Second || s.Compile.AtOnce != 0 || s.Compile.Queue != 1000 || s.Workers.Warm != 0 || s.Modules.Unpinned {
		t.Errorf("got %+v", s)
	}
	checkSchema(t, string(raw), true)
	checkSchema(t, `{}`, true)
	checkSchema(t, `{"fuel": 1}`, false)
}

func checkSchema(t *testing.T, raw string, good bool) {
	t.Helper()
	if err := schematest.Validate(t, settings.Schema, raw); (err == nil) != good {
		t.Errorf("the schema says of %s: %v", raw, err)
	}
}

func TestBadSettingsNameTheField(t *testing.T) {
	for raw, want := range map[string]string{
		`{"fuel": 1}`:                                   "fuel: unknown field",
		`{"mounts": [{"path": "x"}]}`:                   "mounts[0].path: ",
		`{"mounts": [{"path": "/x", "mode": "w"}]}`:     "mounts[0].mode: ",
		`{"listeners": {"Web": "127.0.0.1:1"}}`:         `listeners["Web"]: `,
		`{"listeners": {"web": "localhost:1"}}`:         "listeners.web: ",
		`{"listeners": {"web": "80"}}`:                  "listeners.web: ",
		`{"compile": {"atOnce": -1}}`:                   "compile.atOnce: ",
		`{"compile": {"queue": 0}}`:                     "compile.queue: ",
		`{"compile": {"cpu": "1ms"}}`:                   "compile: ",
		`{"features": ["threads"]}`:                     "features[0]: ",
		`{"signatures": {"dir": "/x"}}`:                 "signatures.keys: ",
		`{"signatures": {"dir": "x", "keys": ["abc"]}}`: "signatures.dir: ",
		`{"modules": {"maxSize": 0}}`:                   "modules.maxSize: ",
		`{"limits": {"memory": "1"}}`:                   "limits.memory: ",
		`{"modules": {"store": "1MiB"}, "cache": []}`:   "cache: ",
	} {
		if _, err := settings.Parse(json.RawMessage(raw)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want it to say %q", raw, err, want)
		}
	}
}

func task(t *testing.T, raw string) *workload.Workload {
	t.Helper()
	w, err := workload.Parse(&sdk.Spec{APIVersion: workload.APIVersion, Kind: workload.Kind, Raw: json.RawMessage(raw)})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

const hash = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

func TestNothingIsGrantedThatIsNotSet(t *testing.T) {
	s := settings.Default()
	for raw, want := range map[string]string{
		`{"module": {"path": "/a"}}`:                                                             "module.sha256: ",
		`{"module": {"oci": {"layout": "/l", "reference": "v1"}}}`:                               "module.oci.reference: ",
		`{"module": {"inline": "AGFzbQEAAAA="}, "mounts": [{"host": "/etc"}]}`:                   "mounts[0].host: ",
		`{"module": {"inline": "AGFzbQEAAAA="}, "listeners": ["web"]}`:                           "listeners[0]: ",
		`{"module": {"inline": "AGFzbQEAAAA="}, "features": ["tailCall"]}`:                       "features[0]: ",
		`{"module": {"inline": "AGFzbQEAAAA="}, "limits": {"memory": "2GiB"}}`:                   "limits.memory: ",
		`{"module": {"path": "/a", "sha256": "` + hash + `"}}`:                                   "",
		`{"module": {"oci": {"layout": "/l", "reference": "sha256:` + hash + `"}}}`:              "",
		`{"module": {"digest": "sha256:` + hash + `"}, "limits": {"memory": "1GiB"}, "env": {}}`: "",
	} {
		err := s.Check(task(t, raw))
		switch {
		case want == "" && err != nil:
			t.Errorf("%s: %v", raw, err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), "spec.workload.spec."+want) || !strings.Contains(err.Error(), "plugins.wasm.settings.")):
			t.Errorf("%s: got %v, want it to name %q and a setting", raw, err, want)
		}
	}
}

func TestMountsAreGrantedBelowADirectory(t *testing.T) {
	s, err := settings.Parse(json.RawMessage(`{"mounts": [{"path": "/srv/data"}, {"path": "/var/out", "mode": "rw"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		dir  string
		mode workload.MountMode
		want bool
	}{
		{"/srv/data", workload.ReadOnly, true},
		{"/srv/data/x/y", workload.ReadOnly, true},
		{"/srv/data", workload.ReadWrite, false},
		{"/srv/database", workload.ReadOnly, false},
		{"/srv", workload.ReadOnly, false},
		{"/srv/data/../other", workload.ReadOnly, false},
		{"/var/out/", workload.ReadOnly, true},
		{"/var/out/a", workload.ReadWrite, true},
	} {
		if got := s.Within(tt.dir, tt.mode); got != tt.want {
			t.Errorf("%s %s: %v", tt.dir, tt.mode, got)
		}
	}
}
