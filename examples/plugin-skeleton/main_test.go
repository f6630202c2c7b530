package main

import (
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/soltihq/solti-host/sdk/sdktest"
	pluginv1 "github.com/soltihq/solti-host/shared/proto/solti/plugin/v1"
	taskv1 "github.com/soltihq/solti-host/shared/proto/solti/task/v1"
)

// TestConformance holds the binary to the plugin protocol.
func TestConformance(t *testing.T) {
	binary := filepath.Join(t.TempDir(), "solti-runner-probe")
	if out, err := exec.Command("go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	sdktest.Run(t, sdktest.Config{
		Binary:  binary,
		OK:      workload(`{"target": "file:///"}`),
		Fail:    workload(`{"target": "file:///does/not/exist", "every": "1ms", "tries": 2}`),
		Invalid: workload(`{"target": "gopher://example.com"}`),
		Forever: workload(`{"target": "file:///does/not/exist", "every": "1h"}`),
		Outputs: []sdktest.Output{{
			Name:     "Answer",
			Workload: *workload(`{"target": "file:///"}`),
			Stdout:   []byte("file:/// answers\n"),
		}},
	})
}

// TestProbesTCP runs a task in the process of the test, for a debugger's sake.
func TestProbesTCP(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	client := sdktest.Serve(t, runner{})
	spec := fmt.Sprintf(`{"target": "tcp://%s"}`, listener.Addr())
	stream, err := client.RunTask(t.Context(), &pluginv1.RunTaskRequest{
		RunId: "run-1", HandleId: "handle", Attempt: 1,
		Build: &pluginv1.BuildTaskRequest{HandleId: "handle", Task: &taskv1.Task{
			Spec: &taskv1.Spec{Workload: &taskv1.Workload{
				ApiVersion: "acme.dev/v1", Kind: "Probe", SpecJson: []byte(spec),
			}},
		}},
	})
	for err == nil {
		var m *pluginv1.RunTaskResponse
		if m, err = stream.Recv(); err != nil {
			break
		}
		for _, f := range m.Frames {
			if x := f.GetExited(); x != nil {
				if x.Result != pluginv1.Result_RESULT_SUCCEEDED {
					t.Errorf("the probe ended with %v", x)
				}
				return
			}
		}
	}
	t.Errorf("the stream ended without Exited: %v", err)
}

func workload(spec string) *sdktest.Workload {
	return &sdktest.Workload{APIVersion: "acme.dev/v1", Kind: "Probe", Spec: spec}
}
