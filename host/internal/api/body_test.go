package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	"github.com/soltihq/solti-host/host/task"
)

const yamlTask = `apiVersion: solti.io/v1
kind: Task
metadata: {name: good}
spec:
  slot: s
  workload:
    apiVersion: solti.io/v1
    kind: Subprocess
    spec:
      command: x
      cwd: here
`

// What the host finds only after the document was read names the line as well.
func TestLateProblemsNameTheirLine(t *testing.T) {
	b := setup(t)
	fields := task.FieldErrors{{Path: "spec.workload.spec.cwd", Message: "must match ^/"}}
	const path, text = "spec.workload.spec.cwd", "must match ^/"
	for name, c := range map[string]struct {
		refusal error
		body    string
		line    int
		message string
	}{
		"fields":   {fields, yamlTask, 11, "line 11: " + path + ": " + text},
		"wrapped":  {fmt.Errorf("again: %w", fields), yamlTask, 11, "line 11: " + path + ": " + text},
		"stated":   {&task.Error{Reason: task.ReasonInvalidSpec, Message: "no", Violations: fields}, yamlTask, 11, "no"},
		"in JSON":  {fields, goodTask, 0, path + ": " + text},
		"no field": {errors.New("disk"), yamlTask, 0, unknownMessage},
	} {
		b.host.refuse(c.refusal)
		for _, call := range []call{{"POST", pathTasks, c.body, nil}, {"PUT", pathTasks + "/good", c.body, nil}, {"POST", Prefix + "/explain", c.body, nil}} {
			_, body := b.send(t, call)
			var got task.APIStatus
			if err := json.Unmarshal(body, &got); err != nil {
				t.Fatal(err)
			}
			line := 0
			if got.Details != nil && len(got.Details.Causes) == 1 {
				line = got.Details.Causes[0].Line
			}
			if line != c.line || got.Message != c.message {
				t.Errorf("%s: %s %s: line %d, %q; want %d, %q", name, call.method, call.path, line, got.Message, c.line, c.message)
			}
		}
	}
}
