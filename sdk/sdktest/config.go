package sdktest

import (
	"encoding/json"
	"os"
	"time"

	pluginv1 "github.com/soltihq/solti-host/shared/proto/solti/plugin/v1"
	taskv1 "github.com/soltihq/solti-host/shared/proto/solti/task/v1"
)

// Config says what to check and with which workloads. Only Binary is required; a nil workload skips
// the checks that need it.
type Config struct {
	Binary   string          // the plugin's file, called solti-runner-NAME
	Env      []string        // for the process, beside what a host gives: NAME=value
	Settings json.RawMessage // for Configure; empty means that it is not called
	Timeout  time.Duration   // longest time of one step; zero means 15 s

	OK       *Workload // succeeds soon
	Fail     *Workload // fails soon, by its own doing
	ExitCode int       // of Fail; zero means that it has none
	Missing  *Workload // cannot be started, such as a program that does not exist
	Invalid  *Workload // is refused when it is built
	Forever  *Workload // runs until it is asked to end, and then ends
	Stubborn *Workload // prints something as soon as it ignores being asked, and ends only by force
	Spawns   *Workload // like Forever, with processes of its own
	PrintEnv *Workload // prints its environment, one NAME=value in a line, and succeeds

	Outputs []Output // must arrive complete
	Flood   *Output  // is of at least 1 MiB; it is also read slowly, and abandoned

	NoPeerCheck bool // the plugin cannot ask the kernel who connects
}

// A Workload is what a task runs.
type Workload struct {
	APIVersion string
	Kind       string
	Spec       string // one JSON object
}

// An Output is a workload that succeeds, and all that it prints.
type Output struct {
	Name     string // of the subtest
	Workload Workload
	Stdout   []byte
	Stderr   []byte
}

const defaultTimeout = 15 * time.Second

func (c Config) timeout() time.Duration {
	if c.Timeout <= 0 {
		return defaultTimeout
	}
	return c.Timeout
}

// soon bounds what should be immediate.
func (c Config) soon() time.Duration { return min(c.timeout(), 5*time.Second) }

// long says whether checks that take their time are wanted.
func long() bool { return os.Getenv("SOLTI_LONG") == "1" }

func (w Workload) task(name string) *taskv1.Task {
	return &taskv1.Task{
		Metadata: &taskv1.Metadata{
			Name: name, Uid: "00000000-0000-7000-8000-000000000000", Generation: 1,
			Labels: map[string]string{"suite": "sdktest"},
		},
		Spec: &taskv1.Spec{
			Slot: "sdktest",
			Workload: &taskv1.Workload{
				ApiVersion: w.APIVersion, Kind: w.Kind, SpecJson: []byte(w.Spec),
			},
		},
	}
}

func (w Workload) build(handle string) *pluginv1.BuildTaskRequest {
	return &pluginv1.BuildTaskRequest{
		HandleId: handle, Task: w.task("sdktest-" + handle), Context: &pluginv1.BuildContext{},
	}
}
