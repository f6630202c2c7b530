package main

import (
	"fmt"
	"os"
	"runtime"

	"github.com/hashicorp/go-hclog"

	"github.com/soltihq/solti-host/plugins/wasm/internal/child"
	"github.com/soltihq/solti-host/plugins/wasm/internal/runner"
	"github.com/soltihq/solti-host/sdk"
)

// version is set when the plugin is built for release.
var version string

func main() {
	if len(os.Args) > 1 {
		if a := answers()[os.Args[1]]; a != nil {
			os.Exit(a.tell(os.Args[2:]))
		}
	}
	if len(os.Args) == 2 {
		if mode := child.Modes()[os.Args[1]]; mode != nil {
			os.Exit(mode())
		}
	}
	runtime.LockOSThread() // the main thread starts no processes: those die with the thread that did
	log := hclog.New(&hclog.LoggerOptions{
		Level: hclog.LevelFromString(os.Getenv(sdk.EnvLogLevel)), Output: os.Stderr, JSONFormat: true,
	})
	r := runner.New(version, log)
	sdk.Serve(r)
	if err := r.Close(); err != nil {
		fmt.Fprintf(os.Stderr, "solti-runner-wasm: %v\n", err)
	}
}
