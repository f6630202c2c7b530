package e2e

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/soltihq/solti-host/host/task"
)

const sound = `{"apiVersion": "solti.io/v1", "kind": "Task", "metadata": {"name": "a"}, "spec": {"slot": "s", %s
	"workload": {"apiVersion": "solti.io/v1", "kind": "Subprocess", "spec": {"command": "true"}}}}`

// with returns a sound document with something in its spec that is not.
func with(more string) string { return fmt.Sprintf(sound, more) }

// bomb is YAML whose aliases stand for ten to the ninth values.
func bomb() string {
	var b strings.Builder
	b.WriteString("apiVersion: solti.io/v1\nkind: Task\nmetadata: {name: a}\nspec:\n  slot: s\n  x0: &x0 [lol, lol, lol, lol, lol, lol, lol, lol, lol, lol]\n")
	for i := 1; i < 9; i++ {
		fmt.Fprintf(&b, "  x%d: &x%d [%s]\n", i, i, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*x%d, ", i-1), 10), ", "))
	}
	b.WriteString("  workload: {apiVersion: solti.io/v1, kind: Subprocess, spec: {command: *x8}}\n")
	return b.String()
}

// unsized hides the length of a body.
type unsized struct{ io.Reader }

func TestBadInputIsRefusedWithItsPathAndStoresNothing(t *testing.T) {
	t.Parallel()
	s := serve(t)
	big := strings.Repeat("x", 5<<20)
	for _, c := range []struct {
		name  string
		body  string
		code  int
		field string // of a cause; empty where the whole document is at fault
		says  string // in the message
	}{
		{"unknown field", with(`"slott": "s",`), 422, "spec.slott", "unknown"},
		{"unknown field of the document", `{"apiVersion": "solti.io/v1", "kind": "Task", "sepc": {}}`, 422, "sepc", "spec"},
		{"wrong type", with(`"timeout": 10,`), 422, "spec.timeout", "string"},
		{"wrong type of an object", with(`"restart": "always",`), 422, "spec.restart", "object"},
		{"65-byte slot", strings.Replace(with(""), `"slot": "s"`, `"slot": "`+strings.Repeat("s", 65)+`"`, 1), 422, "spec.slot", "64"},
		{"negative backoff", with(`"backoff": {"first": "-1s"},`), 422, "spec.backoff.first", "negative"},
		{"negative timeout", with(`"timeout": "-1s",`), 422, "spec.timeout", "negative"},
		{"duplicate key", with(`"slot": "t",`), 422, "spec.slot", "only once"},
		{"duplicate key in YAML", "apiVersion: solti.io/v1\nkind: Task\nspec:\n  slot: a\n  slot: b\n", 422, "spec.slot", "only once"},
		{"a kind that nobody declares", strings.Replace(with(""), `"solti.io/v1", "kind": "Subprocess"`, `"acme.dev/v1", "kind": "Probe"`, 1), 422, "spec.workload.kind", "acme.dev/v1 Probe"},
		{"the schema of a kind", strings.Replace(with(""), `"true"`, `"true", "args": ["a", 5]`, 1), 422, "spec.workload.spec.args[1]", "string"},
		{"an unknown field of a kind", strings.Replace(with(""), `"true"`, `"true", "argv": []`, 1), 422, "spec.workload.spec.argv", ""},
		{"a selector that nobody fits", with(`"runnerSelector": {"matchLabels": {"zone": "moon"}},`), 422, "spec.runnerSelector", "zone"},
		{"an embedded task", strings.Replace(with(""), `"Subprocess"`, `"Embedded"`, 1), 422, "spec.workload.kind", ""},
		{"a slot of the host's own", strings.Replace(with(""), `"slot": "s"`, `"slot": "solti-state-sweep"`, 1), 422, "spec.slot", "own"},
		{"YAML anchors bomb", bomb(), 422, "spec.x3[7][1][0][6]", "aliases"},
		{"no document", `{"apiVersion": `, 400, "", ""},
		{"empty body", "", 400, "", "empty"},
		{"not UTF-8", strings.Replace(with(""), `"true"`, "\"\xff\"", 1), 422, "spec.workload.spec.command", "UTF-8"},
		{"deeply nested", strings.Replace(with(""), `"true"`, strings.Repeat("[", 200)+strings.Repeat("]", 200), 1), 422, "", "nested"},
		{"nested beyond reading", strings.Replace(with(""), `"true"`, strings.Repeat("[", 100000)+strings.Repeat("]", 100000), 1), 400, "", "nest"},
		{"5 MiB", strings.Replace(with(""), `"true"`, `"`+big+`"`, 1), 413, "", "4194304"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for path, method := range map[string]string{prefix + "/tasks": http.MethodPost, prefix + "/tasks/a": http.MethodPut} {
				a := s.do(method, path, strings.NewReader(c.body))
				if a.code != c.code {
					t.Fatalf("%s: %d %.300s, want %d", method, a.code, a.body, c.code)
				}
				st := a.status(t)
				if st.Code != c.code || st.Status != task.StatusFailure || !strings.Contains(st.Message, c.says) {
					t.Errorf("%s: %.300s, want a message with %q", method, a.body, c.says)
				}
				if c.field != "" && !blames(st, c.field) {
					t.Errorf("%s: %.500s, want a cause in %s", method, a.body, c.field)
				}
			}
		})
	}
	t.Run("5 MiB of unknown length", func(t *testing.T) {
		if a := s.do(http.MethodPost, prefix+"/tasks", unsized{strings.NewReader(with("") + big)}); a.code != http.StatusRequestEntityTooLarge {
			t.Errorf("%d %.300s", a.code, a.body)
		}
	})
	if names := s.names(); len(names) != 0 {
		t.Errorf("stored %q", names)
	}
	s.submit(with("")) // the host is well
	if got := s.over("a"); got.Status.RunID != "subprocess-s-1" {
		t.Errorf("run id %s, want that of the first run there ever was", got.Status.RunID)
	}
}

// blames reports whether a field is among the causes.
func blames(s task.APIStatus, field string) bool {
	if s.Details == nil {
		return false
	}
	for _, c := range s.Details.Causes {
		if c.Field == field {
			return true
		}
	}
	return false
}

func TestAllProblemsAreToldAtOnceWithLines(t *testing.T) {
	t.Parallel()
	s := serve(t)
	const doc = `apiVersion: solti.io/v1
kind: Task
metadata: {name: UPPER}
spec:
  slot: ""
  timeout: soon
  admission: maybe
  workload: {apiVersion: solti.io/v1, kind: Subprocess}
`
	a := s.do(http.MethodPost, prefix+"/tasks", strings.NewReader(doc), "Content-Type", "application/yaml")
	st := a.status(t)
	for field, line := range map[string]int{"metadata.name": 3, "spec.slot": 5, "spec.timeout": 6, "spec.admission": 7} {
		found := false
		for _, c := range st.Details.Causes {
			found = found || c.Field == field && c.Line == line
		}
		if !found {
			t.Errorf("no cause in %s at line %d: %s", field, line, a.body)
		}
	}
}
