package inspect

import (
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/soltihq/solti-host/plugins/wasm/internal/compile"
)

func TestMain(m *testing.M) {
	if len(os.Args) == 2 && (os.Args[1] == compile.Mode || os.Args[1] == compile.CheckMode) {
		os.Exit(compile.Main())
	}
	goleak.VerifyTestMain(m)
}
