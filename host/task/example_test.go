package task_test

import (
	"fmt"

	"github.com/soltihq/solti-host/host/task"
)

func ExampleDecode() {
	_, err := task.Decode([]byte(`apiVersion: solti.io/v1
kind: Task
spec:
  slot: ""
  workload: {apiVersion: solti.io/v1, kind: Subprocess, spec: {command: date}}
  timout: 10 minutes
  restart: {policy: allways}
`))
	fmt.Println(err)
	// Output:
	// line 4: spec.slot: must not be empty
	// line 6: spec.timout: unknown field; did you mean timeout?
	// line 7: spec.restart.policy: must be never, onFailure or always, not "allways"; did you mean always?
}

func ExampleParseSelector() {
	s, err := task.ParseSelector("app=web, tier in (a,b), !canary")
	if err != nil {
		fmt.Println(err)
		return
	}
	labels := map[string]string{"app": "web", "tier": "c"}
	fmt.Println(s.Matches(labels))
	fmt.Println(s.Unmet(labels))
	// Output:
	// false
	// tier in (a,b) (tier is "c")
}
