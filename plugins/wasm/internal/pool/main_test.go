package pool

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/soltihq/solti-host/plugins/wasm/internal/proctest"
	"github.com/soltihq/solti-host/plugins/wasm/internal/wire"
	"github.com/soltihq/solti-host/plugins/wasm/internal/worker"
)

func TestMain(m *testing.M) { proctest.Main(m, proctest.Modes{wire.Mode: work}) }

// work is a worker, or one that is deaf or broken if a file beside its directory says so.
func work() int {
	if _, err := os.Stat(os.Getenv("TMPDIR") + "/../deaf"); err == nil {
		time.Sleep(time.Hour)
	}
	if _, err := os.Stat(os.Getenv("TMPDIR") + "/../broken"); err == nil {
		fmt.Fprint(os.Stderr, "it broke")
		return 4
	}
	return worker.Main()
}
