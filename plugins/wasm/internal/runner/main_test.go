package runner

import (
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/soltihq/solti-host/plugins/wasm/internal/compile"
	"github.com/soltihq/solti-host/plugins/wasm/internal/pool"
	"github.com/soltihq/solti-host/plugins/wasm/internal/worker"
)

func TestMain(m *testing.M) {
	if len(os.Args) == 2 {
		switch os.Args[1] {
		case compile.Mode:
			os.Exit(compile.Main())
		case pool.Mode:
			os.Exit(worker.Main())
		}
	}
	goleak.VerifyTestMain(m)
}
