package pool

import (
	"fmt"
	"os"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/soltihq/solti-host/plugins/wasm/internal/worker"
)

// TestMain serves as the workers too.
func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == Mode {
		if _, err := os.Stat(os.Getenv("TMPDIR") + "/../deaf"); err == nil {
			time.Sleep(time.Hour)
		}
		if _, err := os.Stat(os.Getenv("TMPDIR") + "/../broken"); err == nil {
			fmt.Fprint(os.Stderr, "it broke")
			syscall.Exit(4)
		}
		syscall.Exit(worker.Main()) // the race detector sleeps for a second in os.Exit
	}
	goleak.VerifyTestMain(m)
}
