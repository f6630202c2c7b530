// The runner plugin for processes: kind Subprocess of solti.io/v1. docs/subprocess.md tells submitters
// and operators what it does.
package main

import (
	"fmt"
	"os"
	"runtime"
	"runtime/debug"

	"github.com/hashicorp/go-hclog"

	"github.com/soltihq/solti-host/plugins/subprocess/internal/process"
	"github.com/soltihq/solti-host/plugins/subprocess/internal/runner"
	"github.com/soltihq/solti-host/sdk"
)

// envKill forces a kill mode, cgroup or group. It is for tests: without it the best one is taken.
const envKill = "SOLTI_SUBPROCESS_KILL"

// garbage lets the heap, which is a few MiB however many attempts run, grow fivefold between two
// collections: an eighth of the processor time of a short attempt went to collecting it.
const garbage = 400

// version is set when the plugin is built for release.
var version string

func main() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(garbage)
	}
	runtime.LockOSThread() // the main thread starts no processes, see process.Engine
	engine, err := newEngine()
	if err != nil {
		fmt.Fprintf(os.Stderr, "solti-runner-subprocess: %v\n", err)
		os.Exit(1)
	}
	sdk.Serve(runner.New(engine, version))
	_ = engine.Close() // what it could not remove, the host removes with the plugin's cgroup
}

func newEngine() (*process.Engine, error) {
	log := hclog.New(&hclog.LoggerOptions{
		Level: hclog.LevelFromString(os.Getenv(sdk.EnvLogLevel)), Output: os.Stderr, JSONFormat: true,
	})
	return process.New(process.Options{
		Mode: process.Mode(os.Getenv(envKill)), CgroupDir: os.Getenv(sdk.EnvCgroup), Log: log,
	})
}
