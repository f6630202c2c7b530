package image

import (
	"os"
	"syscall"
	"testing"

	"go.uber.org/goleak"

	"github.com/soltihq/solti-host/plugins/wasm/internal/compile"
)

// TestMain serves as the children that compile too.
func TestMain(m *testing.M) {
	if len(os.Args) == 2 && (os.Args[1] == compile.Mode || os.Args[1] == compile.CheckMode) {
		syscall.Exit(compile.Main()) // the race detector sleeps for a second in os.Exit
	}
	goleak.VerifyTestMain(m)
}
