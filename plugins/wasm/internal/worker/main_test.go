package worker_test

import (
	"os"
	"testing"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"github.com/soltihq/solti-host/plugins/wasm/internal/worker"
)

// Arguments with which the test binary is a worker, and one that may not execute what it has written.
const (
	mode   = "worker"
	denied = "denied"
)

// exitNotDenied says that the kernel does not know how to forbid that.
const exitNotDenied = 75

func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == denied {
		if unix.Prctl(unix.PR_SET_MDWE, unix.PR_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0) != nil {
			os.Exit(exitNotDenied)
		}
		os.Exit(worker.Main())
	}
	if len(os.Args) == 2 && os.Args[1] == mode {
		os.Exit(worker.Main())
	}
	goleak.VerifyTestMain(m)
}
