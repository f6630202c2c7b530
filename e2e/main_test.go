package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// Paths of what is tested.
var (
	program string // solti-host
	plugins string // directory with the subprocess plugin
)

// patience bounds every wait of these tests.
const patience = 30 * time.Second

func TestMain(m *testing.M) {
	dir, err := buildAll()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		_ = os.RemoveAll(dir)
		os.Exit(1)
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		_ = os.RemoveAll(dir)
		os.Exit(code)
	}))
}

// buildAll builds the binaries into a directory that other users can read too.
func buildAll() (dir string, err error) {
	dir, err = os.MkdirTemp("", "solti-e2e-bin-")
	if err != nil {
		return "", err
	}
	program, plugins = filepath.Join(dir, "solti-host"), filepath.Join(dir, "plugins")
	if err := os.Mkdir(plugins, 0o755); err != nil { //nolint:gosec // for other users
		return dir, err
	}
	for _, d := range []string{dir, plugins} { // whatever the umask
		if err := os.Chmod(d, 0o755); err != nil { //nolint:gosec // for other users
			return dir, err
		}
	}
	for to, from := range map[string]string{
		program: "../cmd/solti-host",
		filepath.Join(plugins, "solti-runner-subprocess"): "../plugins/subprocess",
	} {
		cmd := exec.Command("go", "build", "-o", to, from)
		if out, err := cmd.CombinedOutput(); err != nil {
			return dir, fmt.Errorf("%v: %w\n%s", cmd, err, out)
		}
	}
	return dir, nil
}
