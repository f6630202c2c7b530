package worker_test

import (
	"testing"

	"golang.org/x/sys/unix"

	"github.com/soltihq/solti-host/plugins/wasm/internal/proctest"
	"github.com/soltihq/solti-host/plugins/wasm/internal/wire"
	"github.com/soltihq/solti-host/plugins/wasm/internal/worker"
)

// denied makes the test binary a worker that may not execute what it has written.
const denied = "denied"

// exitNotDenied says that the kernel does not know how to forbid that.
const exitNotDenied = 75

func TestMain(m *testing.M) {
	proctest.Main(m, proctest.Modes{wire.Mode: worker.Main, denied: func() int {
		if unix.Prctl(unix.PR_SET_MDWE, unix.PR_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0) != nil {
			return exitNotDenied
		}
		return worker.Main()
	}})
}
