package proctest_test

import (
	"fmt"
	"os"
	"os/exec"
	"testing"

	"github.com/soltihq/solti-host/plugins/wasm/internal/proctest"
)

func TestMain(m *testing.M) {
	proctest.Main(m, proctest.Modes{"mode": func() int {
		fmt.Print(os.Args[2])
		return 7
	}})
}

func TestTheBinaryIsAChildOfItself(t *testing.T) {
	cmd := exec.Command("/proc/self/exe", "mode", "argument")
	out, err := cmd.Output()
	if cmd.ProcessState.ExitCode() != 7 || string(out) != "argument" {
		t.Errorf("%v, output %q; want exit code 7 and its argument", err, out)
	}
}

func TestAliveTellsTheEndedFromTheRunning(t *testing.T) {
	cmd := exec.Command("/bin/cat")
	hold, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if !proctest.Alive(cmd.Process.Pid) {
		t.Error("a process that runs is not alive")
	}
	_ = hold.Close()
	proctest.Until(t, "the end", func() bool { return !proctest.Alive(cmd.Process.Pid) }) // it is not waited for yet
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
	if proctest.Alive(cmd.Process.Pid) {
		t.Error("a process that is gone is alive")
	}
}

func TestWithoutTheRaceDetector(t *testing.T) {
	proctest.WithoutRace(t, "TestRaced", "TestRaced/sub_test")
}

// It passes in the binary that WithoutRace builds.
func TestRaced(t *testing.T) {
	t.Run("sub test", func(t *testing.T) {
		if proctest.Raced {
			t.Skip("the race detector is on")
		}
	})
}
