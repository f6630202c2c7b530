package sdktest_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/soltihq/solti-host/sdk"
	"github.com/soltihq/solti-host/sdk/sdktest"
)

// envSubject names the plugin that TestConformance checks; the default keeps the contract.
const envSubject = "SDKTEST_SUBJECT"

// noSleepAtExit keeps the race detector from waiting a second at the end of every process.
const noSleepAtExit = "GORACE=atexit_sleep_ms=0"

func TestConformance(t *testing.T) {
	subject := os.Getenv(envSubject)
	config := sdktest.Config{}
	if subject == "" {
		subject = "good"
	} else {
		config.Timeout = 2 * time.Second
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	config.Binary = filepath.Join(t.TempDir(), sdk.FilePrefix+subject)
	if err := os.Symlink(self, config.Binary); err != nil {
		t.Fatal(err)
	}
	config.Env = []string{noSleepAtExit}
	config.OK = workload("ok")
	config.Fail = workload("fail")
	config.ExitCode = 3
	config.Missing = workload("missing")
	config.Invalid = workload("nonsense")
	config.Forever = workload("forever")
	config.Stubborn = workload("stubborn")
	config.Spawns = workload("spawn")
	config.PrintEnv = workload("env")
	config.Outputs = []sdktest.Output{{
		Name: "EveryByte", Workload: *workload("bytes"),
		Stdout: alternate(everyByte, 0), Stderr: alternate(everyByte, 1),
	}, {
		Name: "PrintsOfTheProcess", Workload: *workload("chatter"),
	}, {
		Name: "EnvironmentOfTheProcess", Workload: *workload("environ"),
	}}
	config.Flood = &sdktest.Output{Workload: *workload("flood"), Stdout: flood}
	sdktest.Run(t, config)
}

func workload(do string) *sdktest.Workload {
	return &sdktest.Workload{APIVersion: "test.dev/v1", Kind: "Test", Spec: `{"do": "` + do + `"}`}
}

// TestCatches makes sure that the suite can fail: each broken plugin fails the checks that are about
// its fault.
func TestCatches(t *testing.T) {
	for subject, checks := range map[string][]string{
		"loud":     {"Process/HandshakeLine"},
		"fickle":   {"Name/IsStable"},
		"boastful": {"Metrics/KeepTheRules"},
		"deaf":     {"StopTask/AsksFirst", "StopTask/ForcesAfterTheGrace"},
		"careless": {"StopTask/KillsTheWholeTree", "Process/LifelineEndsRuns"},
		"leaky":    {"Hygiene/EnvironmentOfTasks"},
		"lossy":    {"Output/EveryByte"},
		"endless":  {"RunTask/Succeeds"},
		"gappy":    {"RunTask/Succeeds"},
		"orphan":   {"Process/LifelineEndsIt", "Process/RefusesStrangers"},
	} {
		for _, check := range checks {
			t.Run(subject+"/"+check, func(t *testing.T) {
				t.Parallel()
				cmd := exec.CommandContext(t.Context(), os.Args[0],
					"-test.run=^TestConformance$/^"+strings.ReplaceAll(check, "/", "$/^")+"$")
				cmd.Env = append(os.Environ(), envSubject+"="+subject, noSleepAtExit)
				out, err := cmd.CombinedOutput()
				if err == nil || !strings.Contains(string(out), "--- FAIL: TestConformance/"+check) {
					t.Errorf("%s passes %s: %v\n%s", subject, check, err, out)
				}
			})
		}
	}
}
