package runner

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/soltihq/solti-host/plugins/wasm/internal/moduletest"
)

// cramped makes a cgroup with little memory, and returns what puts a process into it.
func cramped(t *testing.T) func(pid int) {
	t.Helper()
	dir := filepath.Join("/sys/fs/cgroup/memory", fmt.Sprintf("solti-wasm-test-%d", os.Getpid()))
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Skipf("no cgroup with a limit of memory is to be had: %v", err)
	}
	t.Cleanup(func() { _ = os.Remove(dir) })
	if err := os.WriteFile(filepath.Join(dir, "memory.limit_in_bytes"), []byte("67108864"), 0o600); err != nil {
		t.Skipf("no cgroup with a limit of memory is to be had: %v", err)
	}
	_ = os.WriteFile(filepath.Join(dir, "memory.swappiness"), []byte("0"), 0o600)
	return func(pid int) {
		if err := os.WriteFile(filepath.Join(dir, "cgroup.procs"), fmt.Append(nil, pid), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// What else runs may be the reason, so another attempt may end well.
func TestAKillForWantOfMemoryIsToldAndNotFinal(t *testing.T) {
	if raced {
		t.Skip("the race detector needs more memory than the limit allows")
	}
	put := cramped(t)
	s := newSubject(t, object{"workers": object{"warm": 1}})
	h := s.build(t, inline(moduletest.Fill(200<<20)))
	first := h.start(t, nil)
	first.until(t, moduletest.Ready)
	first.cancel(t)
	for range 5 {
		s.warm(t, 1)
		for _, pid := range workers(t) {
			put(pid)
		}
		h.run(t).want(t, oomKilled, false, "by the kernel for want of memory", "limit is 256MiB")
	}
}

// kernelKills is what the kernel says of how often it has killed for want of memory.
func kernelKills(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("/proc/vmstat")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "oom_kill ")
	kills, _, _ := strings.Cut(rest, "\n")
	return kills
}

// crashed checks that the attempt's worker, which the test has killed, is told to have crashed. Where the kernel
// has killed for want of memory since it was asked, nobody can tell.
func (r *record) crashed(t *testing.T, kills string, texts ...string) {
	t.Helper()
	if kernelKills(t) == kills {
		r.want(t, failed, false, append(texts, "the worker crashed")...)
	}
}
