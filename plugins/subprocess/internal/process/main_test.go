package process

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	runtime.LockOSThread() // as main does, see Engine
	goleak.VerifyTestMain(m)
}

// eachMode runs f as a subtest per kill mode that is to be had here, each with an engine of its own.
func eachMode[T interface {
	testing.TB
	Run(string, func(T)) bool
}](t T, f func(T, *Engine)) {
	t.Helper()
	for _, mode := range []Mode{Group, Cgroup} {
		t.Run(string(mode), func(t T) { f(t, newEngine(t, mode)) })
	}
}

func newEngine(t testing.TB, mode Mode) *Engine {
	t.Helper()
	opts := Options{Mode: mode}
	if mode == Cgroup {
		opts.CgroupDir = cgroupDir(t)
	}
	e, err := New(opts)
	if err != nil {
		t.Fatalf("new engine: %v", err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Errorf("close the engine: %v", err)
		}
	})
	return e
}

// cgroupDir makes a cgroup v2 directory for the test, which is skipped where none can be made.
func cgroupDir(t testing.TB) string {
	t.Helper()
	dir, err := makeCgroupDir()
	if err != nil {
		t.Skipf("no cgroup v2 directory to work in: %v", err)
	}
	t.Cleanup(func() {
		if err := os.Remove(dir); err != nil {
			t.Errorf("the test's cgroup is left over: %v", err)
		}
	})
	return dir
}

// makeCgroupDir makes a directory whose name is none of those that hosts tidy up beside their own.
func makeCgroupDir() (string, error) {
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		return "", err
	}
	groups, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return "", err
	}
	own := "/"
	for line := range strings.Lines(string(groups)) {
		if path, ok := strings.CutPrefix(line, "0::"); ok {
			own = strings.TrimSpace(path)
		}
	}
	for line := range strings.Lines(string(mounts)) {
		if fields := strings.Fields(line); len(fields) > 2 && fields[2] == "cgroup2" {
			return os.MkdirTemp(filepath.Join(fields[1], own), fmt.Sprintf("subprocess-test-%d-", os.Getpid()))
		}
	}
	return "", errors.New("no cgroup2 file system is mounted")
}
