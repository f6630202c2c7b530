package task_test

import (
	"testing"

	"github.com/soltihq/solti-host/host/task"
)

const located = `apiVersion: solti.io/v1
kind: Task
metadata: {name: first}
---
apiVersion: solti.io/v1
kind: Task
metadata: {name: second}
spec:
  slot: s
  workload:
    apiVersion: acme.dev/v1
    kind: Probe
    spec:
      args:
        - one
        - two
      env: &env
        "A.B": 1
        plain: 2
      deep:
        <<: *env
`

func TestLateProblemsGetTheirLines(t *testing.T) {
	problems := task.FieldErrors{
		{Path: `spec.workload.spec.env["A.B"]`, Message: "quoted"},
		{Path: "spec.workload.spec.args[1]", Message: "element"},
		{Path: "spec.workload.spec.command", Message: "missing"},
		{Path: "spec.workload.spec.deep.plain", Message: "merged"},
		{Path: "spec.runnerSelector", Message: "missing"},
		{Path: "spec.slot", Message: "known", Line: 3},
		{Message: "everything"},
	}
	got := task.Locate([]byte(located), 2, problems)
	want := []string{
		"everything", "line 3: spec.slot: known", "line 8: spec.runnerSelector: missing", "line 13: spec.workload.spec.command: missing",
		"line 16: spec.workload.spec.args[1]: element", `line 18: spec.workload.spec.env["A.B"]: quoted`, "line 19: spec.workload.spec.deep.plain: merged",
	}
	if len(got) != len(want) {
		t.Fatalf("%v", got)
	}
	for i := range want {
		if got[i].Error() != want[i] {
			t.Errorf("got %q, want %q", got[i].Error(), want[i])
		}
	}
	if problems[0].Line != 0 {
		t.Error("the argument was changed")
	}
}

func TestWhatHasNoLinesStaysAsItIs(t *testing.T) {
	problems := task.FieldErrors{{Path: "spec.slot", Message: "x"}}
	for name, c := range map[string]struct {
		data string
		n    int
	}{
		"json":      {`{"spec": {"slot": 1}}`, 1},
		"no such":   {located, 3},
		"zero":      {located, 0},
		"broken":    {"a: [", 1},
		"empty":     {"", 1},
		"recursive": {"spec: &a\n  slot: *a\n", 1},
		"scalar":    {"just text", 2},
	} {
		if got := task.Locate([]byte(c.data), c.n, problems); len(got) != 1 || got[0] != problems[0] {
			t.Errorf("%s: %v", name, got)
		}
	}
}
