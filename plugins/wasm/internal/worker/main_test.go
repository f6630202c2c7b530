package worker_test

import (
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/soltihq/solti-host/plugins/wasm/internal/worker"
)

// mode is the argument with which the test binary is a worker.
const mode = "worker"

func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == mode {
		os.Exit(worker.Main())
	}
	goleak.VerifyTestMain(m)
}
