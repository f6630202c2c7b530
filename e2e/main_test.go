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
	runners string // directory with all plugins of ours
)

// patience bounds every wait of these tests.
const patience = 30 * time.Second

func TestMain(m *testing.M) {
	becomeDenied()
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
	program, plugins, runners = filepath.Join(dir, "solti-host"), filepath.Join(dir, "plugins"), filepath.Join(dir, "runners")
	for _, d := range []string{plugins, runners} {
		if err := os.Mkdir(d, 0o755); err != nil { //nolint:gosec // for other users
			return dir, err
		}
	}
	for _, d := range []string{dir, plugins, runners} { // whatever the umask
		if err := os.Chmod(d, 0o755); err != nil { //nolint:gosec // for other users
			return dir, err
		}
	}
	for to, from := range map[string]string{
		program: "../cmd/solti-host",
		filepath.Join(plugins, "solti-runner-subprocess"): "../plugins/subprocess",
		filepath.Join(runners, "solti-runner-subprocess"): "../plugins/subprocess",
		filepath.Join(runners, "solti-runner-wasm"):       "../plugins/wasm",
	} {
		cmd := exec.Command("go", "build", "-o", to, from)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0") // as a release has them
		if out, err := cmd.CombinedOutput(); err != nil {
			return dir, fmt.Errorf("%v: %w\n%s", cmd, err, out)
		}
	}
	return dir, nil
}
