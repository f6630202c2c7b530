// Package python_test holds the runner in Python to the plugin protocol.
package python_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/soltihq/solti-host/sdk/sdktest"
)

func TestConformance(t *testing.T) {
	binary, err := filepath.Abs("solti-runner-command")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(binary); err != nil {
		t.Skip("it is not built: run make here")
	}
	sdktest.Run(t, sdktest.Config{
		Binary:   binary,
		OK:       workload(`{"command": "true"}`),
		Fail:     workload(`{"command": "sh", "args": ["-c", "exit 7"]}`),
		ExitCode: 7,
		Missing:  workload(`{"command": "/no/such/program"}`),
		Invalid:  workload(`{"command": "true", "arg": []}`),
		Forever:  workload(`{"command": "sleep", "args": ["3600"]}`),
		Stubborn: workload(`{"command": "sh", "args": ["-c", "trap '' TERM; echo deaf; while :; do sleep 1; done"]}`),
		Spawns:   workload(`{"command": "sh", "args": ["-c", "sleep 3600 & sleep 3600"]}`),
		PrintEnv: workload(`{"command": "env"}`),
		Outputs: []sdktest.Output{{
			Name:     "Bytes",
			Workload: *workload(`{"command": "sh", "args": ["-c", "printf 'a\\000b\\377'; printf oops >&2"]}`),
			Stdout:   []byte("a\x00b\xff"), Stderr: []byte("oops"),
		}},
		Flood: &sdktest.Output{
			Workload: *workload(`{"command": "head", "args": ["-c", "4194304", "/dev/zero"]}`),
			Stdout:   make([]byte, 4<<20),
		},
		NoPeerCheck: true,
	})
}

func workload(spec string) *sdktest.Workload {
	return &sdktest.Workload{APIVersion: "example.dev/v1", Kind: "Command", Spec: spec}
}
