package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/soltihq/solti-host/sdk"
	"github.com/soltihq/solti-host/sdk/sdktest"
)

// TestConformance holds the built plugin to what is asked of every runner, in both kill modes.
func TestConformance(t *testing.T) {
	binary := build(t)
	t.Run("group", func(t *testing.T) {
		t.Parallel()
		conformance(t, binary, envKill+"=group")
	})
	t.Run("cgroup", func(t *testing.T) {
		t.Parallel()
		conformance(t, binary, envKill+"=cgroup", sdk.EnvCgroup+"="+cgroupDir(t))
	})
}

// conformance leaves two workloads out, which the engine's and the runner's own tests cover: Stubborn,
// because no process ignores SIGTERM from its first instant, at which it is told to have started, and
// PrintEnv, because tasks are meant to see the four marks that begin with SOLTI_.
func conformance(t *testing.T, binary string, env ...string) {
	sdktest.Run(t, sdktest.Config{
		Binary:   binary,
		Env:      env,
		OK:       subprocess(`{"command": "true"}`),
		Fail:     subprocess(`{"command": "sh", "args": ["-c", "exit 7"]}`),
		ExitCode: 7,
		Missing:  subprocess(`{"command": "/no/such/program"}`),
		Invalid:  subprocess(`{"command": ""}`),
		Forever:  subprocess(`{"command": "sleep", "args": ["3600"]}`),
		Stubborn: subprocess(`{"command": "sh", "args": ["-c", "trap '' TERM; echo deaf; while :; do sleep 1; done"]}`),
		PrintEnv: subprocess(`{"command": "env"}`),
		Spawns:   subprocess(`{"script": {"interpreter": "sh", "body": "(setsid sleep 3600 &); sleep 3600 & sleep 3600"}}`),
		Outputs: []sdktest.Output{
			{Name: "stdout", Workload: *subprocess(`{"command": "printf", "args": ["a\\000b\\377"]}`), Stdout: []byte("a\x00b\xff")},
			{Name: "stderr", Workload: *subprocess(`{"script": {"interpreter": "sh", "body": "echo err >&2"}}`), Stderr: []byte("err\n")},
			{Name: "both", Workload: *subprocess(`{"command": "sh", "args": ["-c", "echo out; echo err >&2"]}`), Stdout: []byte("out\n"), Stderr: []byte("err\n")},
		},
		Flood: &sdktest.Output{
			Name:     "flood",
			Workload: *subprocess(`{"command": "head", "args": ["-c", "8388608", "/dev/zero"]}`),
			Stdout:   bytes.Repeat([]byte{0}, 8<<20),
		},
	})
}

func subprocess(spec string) *sdktest.Workload {
	return &sdktest.Workload{APIVersion: "solti.io/v1", Kind: "Subprocess", Spec: spec}
}

func build(t *testing.T) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "solti-runner-subprocess")
	cmd := exec.Command("go", "build", "-o", binary, ".")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build the plugin: %v\n%s", err, out)
	}
	return binary
}

// cgroupDir makes a cgroup v2 directory for the test, which is skipped where none can be made.
func cgroupDir(t *testing.T) string {
	t.Helper()
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(mounts)) {
		fields := strings.Fields(line)
		if len(fields) < 3 || fields[2] != "cgroup2" {
			continue
		}
		dir, err := os.MkdirTemp(fields[1], "subprocess-test-") //nolint:usetesting // a cgroup
		if err != nil {
			t.Skipf("no cgroup v2 directory to work in: %v", err)
		}
		t.Cleanup(func() { removeGroups(t, dir) })
		return dir
	}
	t.Skip("no cgroup2 file system is mounted")
	return ""
}

// removeGroups removes what a killed plugin left, as a host does. What the plugin ran is dying with it.
func removeGroups(t *testing.T, dir string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, "cgroup.kill"), []byte("1"), 0); err != nil {
		t.Error(err)
	}
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		groups, _ := filepath.Glob(dir + "/run-*")
		for _, group := range groups {
			_ = os.Remove(group)
		}
		err := os.Remove(dir)
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Errorf("a cgroup is still in use: %v", err)
			return
		}
	}
}
