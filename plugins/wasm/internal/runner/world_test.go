package runner

import (
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/soltihq/solti-host/plugins/wasm/internal/proctest"
)

// begun reports whether the attempt has told that it started.
func (r *record) begun() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.started != ""
}

// fact returns what was recorded under a name.
func (r *record) fact(name string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.facts[name]
}

// warm waits until so many workers wait.
func (s *subject) warm(t testing.TB, n int) {
	t.Helper()
	proctest.Until(t, strconv.Itoa(n)+" idle workers", func() bool { return s.runner.engine.pool.Stats().Idle == n })
}

// workers returns the living workers of this process, by their number.
func workers(t testing.TB) (pids []int) { return children(t, "worker") }

func children(t testing.TB, mode string) (pids []int) {
	t.Helper()
	entries, err := os.ReadDir("/proc")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		stat, _ := os.ReadFile("/proc/" + e.Name() + "/stat")
		_, rest, _ := strings.Cut(string(stat), ") ")
		fields := strings.Fields(rest)
		line, _ := os.ReadFile("/proc/" + e.Name() + "/cmdline")
		args := strings.Split(strings.TrimRight(string(line), "\x00"), "\x00")
		if len(fields) > 1 && fields[0] != "Z" && fields[0] != "X" && fields[1] == strconv.Itoa(os.Getpid()) && args[len(args)-1] == mode {
			pids = append(pids, pid)
		}
	}
	return pids
}
