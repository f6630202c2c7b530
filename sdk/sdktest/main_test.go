package sdktest_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/soltihq/solti-host/sdk"
)

// TestMain is the test binary and, under a name that says so, each of the plugins that it checks.
func TestMain(m *testing.M) {
	subject, ok := strings.CutPrefix(filepath.Base(os.Args[0]), sdk.FilePrefix)
	if !ok {
		goleak.VerifyTestMain(m)
		return
	}
	if serve, broken := breakages[subject]; broken {
		serve()
		return
	}
	sdk.Serve(subjectRunner{name: subject})
}
