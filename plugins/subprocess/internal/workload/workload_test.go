package workload_test

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/soltihq/solti-host/plugins/internal/schematest"
	"github.com/soltihq/solti-host/plugins/subprocess/internal/workload"
	"github.com/soltihq/solti-host/sdk"
)

func parse(raw string) (*workload.Workload, error) {
	return workload.Parse(&sdk.Spec{APIVersion: workload.APIVersion, Kind: workload.Kind, Raw: json.RawMessage(raw)})
}

func TestGoodWorkloadsPassSchemaAndParse(t *testing.T) {
	for _, raw := range []string{
		`{"command": "true"}`,
		`{"command": "pg_dump", "args": ["app", ""], "env": {"PGHOST": "/run/postgresql", "EMPTY": ""}}`,
		`{"command": "/bin/x y", "cwd": "/", "failOnNonZero": false}`,
		`{"script": {"interpreter": "bash", "body": "echo hi", "args": ["1"]}, "env": {}, "cwd": "/tmp"}`,
		`{"script": {"interpreter": "python3", "body": "print('é')"}}`,
	} {
		if err := schematest.Validate(t, workload.Schema, raw); err != nil {
			t.Errorf("schema refuses %s: %v", raw, err)
		}
		if _, err := parse(raw); err != nil {
			t.Errorf("Parse refuses %s: %v", raw, err)
		}
	}
}

func TestBadWorkloadsAreRefusedWithTheFieldAtFault(t *testing.T) {
	long, _ := json.Marshal(strings.Repeat("x", workload.MaxText+1))
	body, _ := json.Marshal(strings.Repeat("é", workload.MaxBody/2+1))
	for _, tt := range []struct {
		name, raw string
		at        string // in the error of Parse
		pointer   string // in the error of the schema; "-": it passes
	}{
		{"nothing", `{}`, "command", ""},
		{"both modes", `{"command": "a", "script": {"interpreter": "sh", "body": "x"}}`, "command", "/command"},
		{"args of a script outside", `{"args": [], "script": {"interpreter": "sh", "body": "x"}}`, "args", "/args"},
		{"blank command", `{"command": " \t"}`, "command", "/command"},
		{"empty command", `{"command": ""}`, "command", "/command"},
		{"command of another type", `{"command": ["a"]}`, "command", "/command"},
		{"number in args", `{"command": "a", "args": ["x", 1]}`, "args[1]", "/args/1"},
		{"NUL in args", `{"command": "a", "args": ["x", "\u0000"]}`, "args[1]", "/args/1"},
		{"long argument", `{"command": "a", "args": [` + string(long) + `]}`, "args[0]", "/args/0"},
		{"NUL in command", `{"command": "a\u0000b"}`, "command", "/command"},
		{"unknown field", `{"command": "a", "shell": true}`, "shell", ""},
		{"relative cwd", `{"command": "a", "cwd": "x/y"}`, "cwd", "/cwd"},
		{"empty cwd", `{"command": "a", "cwd": ""}`, "cwd", "/cwd"},
		{"equals in a name", `{"command": "a", "env": {"A=B": "x"}}`, `env["A=B"]`, "/env"},
		{"empty name", `{"command": "a", "env": {"": "x"}}`, `env[""]`, "/env"},
		{"NUL in a value", `{"command": "a", "env": {"A": "\u0000"}}`, "env.A", "/env/A"},
		{"reserved name", `{"command": "a", "env": {"SOLTI_RUN_ID": "x"}}`, "env.SOLTI_RUN_ID", "-"},
		{"number as value", `{"command": "a", "env": {"A": 1}}`, "env.A", "/env/A"},
		{"script without interpreter", `{"script": {"body": "x"}}`, "script.interpreter", "/script"},
		{"script without body", `{"script": {"interpreter": "sh"}}`, "script.body", "/script"},
		{"empty body", `{"script": {"interpreter": "sh", "body": ""}}`, "script.body", "/script/body"},
		{"long body", `{"script": {"interpreter": "sh", "body": ` + string(body) + `}}`, "script.body", "-"},
		{"null", `{"command": null}`, "command", "/command"},
		{"text for a flag", `{"command": "a", "failOnNonZero": "no"}`, "failOnNonZero", "/failOnNonZero"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := parse(tt.raw)
			if err == nil {
				t.Fatal("Parse takes it")
			}
			if want := "spec.workload.spec." + tt.at + ": "; !strings.Contains(err.Error(), want) {
				t.Errorf("got %q, want it to say %q", err, want)
			}
			checkPointer(t, schematest.Validate(t, workload.Schema, tt.raw), tt.pointer)
		})
	}
}

func checkPointer(t *testing.T, err error, want string) {
	t.Helper()
	if want == "-" {
		if err != nil {
			t.Errorf("schema refuses it: %v", err)
		}
		return
	}
	var invalid *jsonschema.ValidationError
	if !errors.As(err, &invalid) {
		t.Fatalf("schema takes it: %v", err)
	}
	var got []string
	for _, cause := range invalid.Causes {
		got = append(got, deepest(cause))
	}
	if !slices.Equal(got, []string{want}) {
		t.Errorf("schema points at %q, want %q alone: %v", got, want, err)
	}
}

// deepest returns the longest path to a value that an error or its causes name.
func deepest(err *jsonschema.ValidationError) string {
	path := ""
	for _, token := range err.InstanceLocation {
		path += "/" + token
	}
	for _, cause := range err.Causes {
		if p := deepest(cause); len(p) > len(path) {
			path = p
		}
	}
	return path
}

func TestAllProblemsAreToldAtOnce(t *testing.T) {
	_, err := parse(`{"command": " ", "args": ["\u0000"], "env": {"A=": ""}, "cwd": "x"}`)
	var all sdk.Violations
	if !errors.As(err, &all) || len(all) != 4 {
		t.Fatalf("got %v, want four violations", err)
	}
}

func TestFailOnNonZeroIsOnUnlessSaid(t *testing.T) {
	for raw, want := range map[string]bool{
		`{"command": "a"}`:                         true,
		`{"command": "a", "failOnNonZero": true}`:  true,
		`{"command": "a", "failOnNonZero": false}`: false,
	} {
		w, err := parse(raw)
		if err != nil {
			t.Fatal(err)
		}
		if got := w.Fails(); got != want {
			t.Errorf("%s: Fails() = %v, want %v", raw, got, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"command": "a", "args": ["x"], "env": {"A": "b"}, "cwd": "/"}`))
	f.Add([]byte(`{"script": {"interpreter": "sh", "body": "x", "args": []}}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		w, err := workload.Parse(&sdk.Spec{Raw: raw})
		if err != nil {
			return
		}
		if name, _, _ := w.Program(); strings.TrimSpace(name) == "" || !strings.HasPrefix(w.Dir(), "/") {
			t.Errorf("Parse takes %q", raw)
		}
	})
}
