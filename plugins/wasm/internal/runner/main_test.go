package runner

import (
	"os"
	"syscall"
	"testing"

	"go.uber.org/goleak"

	"github.com/soltihq/solti-host/plugins/wasm/internal/compile"
	"github.com/soltihq/solti-host/plugins/wasm/internal/pool"
	"github.com/soltihq/solti-host/plugins/wasm/internal/worker"
)

func TestMain(m *testing.M) {
	if len(os.Args) == 2 {
		switch os.Args[1] {
		case compile.Mode, compile.CheckMode:
			syscall.Exit(compile.Main()) // the race detector sleeps for a second in os.Exit
		case pool.Mode:
			syscall.Exit(worker.Main())
		}
	}
	goleak.VerifyTestMain(m)
}
