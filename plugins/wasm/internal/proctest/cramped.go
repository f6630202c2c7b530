package proctest

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// Cramped makes a cgroup that allows 64 MiB of memory, and returns what puts a process into it. The test is skipped
// where none can be made.
func Cramped(t *testing.T) (put func(pid int)) {
	t.Helper()
	dir := filepath.Join("/sys/fs/cgroup/memory", fmt.Sprintf("solti-wasm-test-%d", os.Getpid()))
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Skipf("no cgroup with a limit of memory is to be had: %v", err)
	}
	t.Cleanup(func() { _ = os.Remove(dir) })
	if err := os.WriteFile(filepath.Join(dir, "memory.limit_in_bytes"), []byte("67108864"), 0o600); err != nil {
		t.Skipf("no cgroup with a limit of memory is to be had: %v", err)
	}
	_ = os.WriteFile(filepath.Join(dir, "memory.swappiness"), []byte("0"), 0o600) // or the limit may end nobody
	return func(pid int) {
		if err := os.WriteFile(filepath.Join(dir, "cgroup.procs"), fmt.Append(nil, pid), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
