package chaos

import (
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"
)

var (
	seedFlag  = flag.Uint64("seed", 0, "choices of the submitters and moments of the kills; 0 takes a new one")
	killsFlag = flag.Int("kills", 0, "how often the host is killed; 0 means 200, in short tests 20")
)

// programs are the binaries under test.
var programs struct{ host, plugins string }

func TestMain(m *testing.M) {
	flag.Parse()
	dir, err := buildPrograms()
	if err != nil {
		fmt.Fprintln(os.Stderr, "chaos:", err)
		os.Exit(1)
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		_ = os.RemoveAll(dir)
		os.Exit(code)
	}))
}

// buildPrograms fills programs and returns the directory they are in.
func buildPrograms() (dir string, err error) {
	if dir, err = os.MkdirTemp("", "chaos-bin"); err != nil {
		return "", err
	}
	programs.host, programs.plugins = filepath.Join(dir, "solti-host"), filepath.Join(dir, "plugins")
	for _, d := range []string{dir, programs.plugins} { // for other users too
		if err := os.MkdirAll(d, 0o755); err != nil { //nolint:gosec // meant so
			return dir, err
		}
		if err := os.Chmod(d, 0o755); err != nil { //nolint:gosec // meant so
			return dir, err
		}
	}
	steady := filepath.Join(programs.plugins, "solti-runner-steady")
	if err := build(steady, "./internal/steady"); err != nil {
		return dir, err
	}
	subprocess := filepath.Join(programs.plugins, "solti-runner-subprocess")
	if given := os.Getenv("CHAOS_PLUGINS"); given != "" {
		err = copyProgram(subprocess, filepath.Join(given, "solti-runner-subprocess"))
	} else {
		err = build(subprocess, "../plugins/subprocess")
	}
	if err != nil {
		return dir, err
	}
	if given := os.Getenv("CHAOS_HOST"); given != "" {
		return dir, copyProgram(programs.host, given)
	}
	return dir, build(programs.host, "../cmd/solti-host")
}

func build(to, from string) error {
	cmd := exec.Command("go", "build", "-trimpath", "-o", to, from) //nolint:noctx // bounded by the tests' timeout
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build %s: %w\n%s", from, err, out)
	}
	return os.Chmod(to, 0o755) //nolint:gosec // a program
}

func copyProgram(to, from string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY|os.O_EXCL, 0o755) //nolint:gosec // a program
	if err != nil {
		return err
	}
	if _, err := io.Copy(out, in); err != nil {
		_ = out.Close()
		return err
	}
	return out.Close()
}

// long reports whether the tests may take their time.
func long() bool { return os.Getenv("SOLTI_LONG") == "1" }

// kills returns how often the host of one campaign is killed.
func kills() int {
	switch {
	case *killsFlag > 0:
		return *killsFlag
	case testing.Short():
		return 20
	default:
		return 200
	}
}

// rounds returns how many campaigns there are, each with a seed of its own.
func rounds() int {
	if long() && *seedFlag == 0 {
		return 10
	}
	return 1
}

func seed() uint64 {
	if *seedFlag != 0 {
		return *seedFlag
	}
	return uint64(time.Now().UnixNano()) % 1_000_000_000 //nolint:gosec // any number
}
