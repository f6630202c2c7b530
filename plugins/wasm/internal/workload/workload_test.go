package workload_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/soltihq/solti-host/plugins/internal/schematest"
	"github.com/soltihq/solti-host/plugins/wasm/internal/workload"
	"github.com/soltihq/solti-host/sdk"
)

func parse(raw string) (*workload.Workload, error) {
	return workload.Parse(&sdk.Spec{APIVersion: workload.APIVersion, Kind: workload.Kind, Raw: json.RawMessage(raw)})
}

const hash = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

func TestGoodWorkloadsPassSchemaAndParse(t *testing.T) {
	for _, raw := range []string{
		`{"module": {"path": "/srv/a.wasm", "sha256": "` + hash + `"}}`,
		`{"module": {"path": "/srv/a.wasm"}}`,
		`{"module": {"digest": "sha256:` + hash + `"}, "args": ["a", ""], "env": {"A": "", "b c": "x=y"}}`,
		`{"module": {"oci": {"layout": "/srv/l", "reference": "v1"}}, "stdin": "text"}`,
		`{"module": {"inline": "AGFzbQEAAAA=", "signature": "AAAA"}, "stdinBase64": "AP8="}`,
		`{"module": {"inline": "AGFzbQEAAAA="}, "mounts": [{"host": "/a"}, {"host": "/a", "guest": "/b", "mode": "rw", "quota": "64MiB", "links": true}]}`,
		`{"module": {"inline": "AGFzbQEAAAA="}, "limits": {"memory": 65536, "cpu": "1.5s", "openFiles": 3, "output": {"bytes": "1 KiB", "rate": 100, "over": "kill"}}}`,
		`{"module": {"inline": "AGFzbQEAAAA="}, "clock": "none", "random": "seeded", "seed": "x", "isolation": "reuse", "debug": "lines", "normalize": false, "features": ["tailCall"], "listeners": ["web"]}`,
	} {
		if err := schematest.Validate(t, workload.Schema, raw); err != nil {
			t.Errorf("schema refuses %s: %v", raw, err)
		}
		if _, err := parse(raw); err != nil {
			t.Errorf("Parse refuses %s: %v", raw, err)
		}
	}
}

func TestDefaultsGrantNothing(t *testing.T) {
	w, err := parse(`{"module": {"inline": "AGFzbQEAAAA="}, "mounts": [{"host": "/a"}]}`)
	if err != nil {
		t.Fatal(err)
	}
	if w.Limits.Memory != workload.DefaultMemory || w.Limits.OpenFiles != 64 || w.Limits.Output.Bytes != workload.DefaultOutput || w.Limits.Output.Over != workload.Block {
		t.Errorf("limits %+v", w.Limits)
	}
	if m := w.Mounts[0]; m.Guest != "/a" || m.Mode != workload.ReadOnly || m.Links {
		t.Errorf("mount %+v", m)
	}
	if w.EntryPoint != "_start" || w.Clock != workload.RealClock || w.Random != workload.SystemRandom || w.Isolation != workload.Process || !w.Normalized() || w.Input() != nil {
		t.Errorf("got %+v", w)
	}
}

func TestValues(t *testing.T) {
	w, err := parse(`{"module": {"inline": "AGFzbQEAAAA="}, "stdinBase64": "AP8=", "normalize": false, "limits": {"memory": "1GiB", "cpu": "90s", "output": {"rate": "2Mi"}}}`)
	if err != nil {
		t.Fatal(err)
	}
	if w.Limits.Memory != 1<<30 || w.Limits.CPU != 90*time.Second || w.Limits.Output.Rate != 2<<20 || !bytes.Equal(w.Input(), []byte{0, 255}) || w.Normalized() {
		t.Errorf("got %+v, stdin %v", w.Limits, w.Input())
	}
	for s, want := range map[workload.Size]string{0: "0", 1: "1", 1024: "1KiB", 1025: "1025", 3 << 20: "3MiB", 4 << 30: "4GiB"} {
		if got := s.String(); got != want {
			t.Errorf("%d is written %s, want %s", int64(s), got, want)
		}
	}
}

func TestBadWorkloadsAreRefusedWithTheFieldAtFault(t *testing.T) {
	const module = `"module": {"inline": "AGFzbQEAAAA="}`
	for _, tt := range []struct {
		name, raw, at string
		schema        bool // refuses it too
	}{
		{"nothing", `{}`, "module", true},
		{"empty module", `{"module": {}}`, "module", true},
		{"two modules", `{"module": {"path": "/a", "inline": "AGFzbQEAAAA="}}`, "module", false},
		{"relative path", `{"module": {"path": "a.wasm"}}`, "module.path", true},
		{"hash of another length", `{"module": {"path": "/a", "sha256": "abc"}}`, "module.sha256", true},
		{"hash in capitals", `{"module": {"digest": "sha256:` + strings.ToUpper(hash) + `"}}`, "module.digest", true},
		{"hash without a path", `{"module": {"inline": "AGFzbQEAAAA=", "sha256": "` + hash + `"}}`, "module.sha256", false},
		{"no base64", `{"module": {"inline": "!"}}`, "module.inline", false},
		{"OCI without a layout", `{"module": {"oci": {}}}`, "module.oci.layout", true},
		{"unknown field", `{` + module + `, "fuel": 1}`, "fuel", true},
		{"NUL in args", `{` + module + `, "args": ["\u0000"]}`, "args[0]", true},
		{"equals in a name", `{` + module + `, "env": {"A=B": ""}}`, `env["A=B"]`, true},
		{"too much text", `{` + module + `, "args": ["` + strings.Repeat("x", 100_000) + `", "` + strings.Repeat("y", 100_000) + `"]}`, "args", false},
		{"two inputs", `{` + module + `, "stdin": "a", "stdinBase64": "AAAA"}`, "stdinBase64", false},
		{"relative mount", `{` + module + `, "mounts": [{"host": "x"}]}`, "mounts[0].host", true},
		{"mounted twice", `{` + module + `, "mounts": [{"host": "/x"}, {"host": "/y", "guest": "/x/"}]}`, "mounts[1].guest", false},
		{"quota of what is not written", `{` + module + `, "mounts": [{"host": "/x", "quota": 1}]}`, "mounts[0].mode", false},
		{"mode", `{` + module + `, "mounts": [{"host": "/x", "mode": "w"}]}`, "mounts[0].mode", true},
		{"memory beyond 32 bits", `{` + module + `, "limits": {"memory": "5GiB"}}`, "limits.memory", false},
		{"half a page", `{` + module + `, "limits": {"memory": 1000}}`, "limits.memory", false},
		{"size that is none", `{` + module + `, "limits": {"memory": "lots"}}`, "limits.memory", true},
		{"size that overflows", `{` + module + `, "limits": {"memory": "9999999999GiB"}}`, "limits.memory", false},
		{"negative time", `{` + module + `, "limits": {"cpu": "-1s"}}`, "limits.cpu", false},
		{"number for a time", `{` + module + `, "limits": {"cpu": 5}}`, "limits.cpu", true},
		{"no files", `{` + module + `, "limits": {"openFiles": -1}}`, "limits.openFiles", true},
		{"unknown over", `{` + module + `, "limits": {"output": {"over": "truncate"}}}`, "limits.output.over", true},
		{"seed without seeded", `{` + module + `, "seed": "x"}`, "seed", false},
		{"seeded without seed", `{` + module + `, "random": "seeded"}`, "seed", false},
		{"unknown feature", `{` + module + `, "features": ["threads"]}`, "features[0]", true},
		{"listener twice", `{` + module + `, "listeners": ["a", "a"]}`, "listeners[1]", false},
		{"fast and reused", `{` + module + `, "start": "fast", "isolation": "reuse"}`, "start", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := parse(tt.raw)
			if err == nil {
				t.Fatal("Parse takes it")
			}
			if want := "spec.workload.spec." + tt.at + ": "; !strings.Contains(err.Error(), want) {
				t.Errorf("got %q, want it to say %q", err, want)
			}
			if err := schematest.Validate(t, workload.Schema, tt.raw); (err != nil) != tt.schema {
				t.Errorf("the schema says %v", err)
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	f.Add(`{"module": {"inline": "AGFzbQEAAAA="}, "limits": {"memory": "1GiB", "cpu": "90s"}}`)
	f.Add(`{"module": {"path": "/a"}, "mounts": [{"host": "/a"}]}`)
	f.Fuzz(func(t *testing.T, raw string) {
		if w, err := parse(raw); err == nil {
			_ = w.Input()
			_ = w.Limits.Memory.String()
		}
	})
}
