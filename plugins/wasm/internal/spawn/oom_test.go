package spawn

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestAKillForWantOfMemoryIsOne(t *testing.T) {
	for name, test := range map[string]struct {
		kills uint64 // of the kernel, meanwhile
		kill  func(p *Process)
		want  bool
	}{
		"killed while the kernel killed": {1, func(p *Process) { _ = unix.Kill(p.PID(), unix.SIGKILL) }, true},
		"killed by somebody":             {0, func(p *Process) { _ = unix.Kill(p.PID(), unix.SIGKILL) }, false},
		"killed by us":                   {1, (*Process).Kill, false},
		"another signal":                 {1, func(p *Process) { _ = unix.Kill(p.PID(), unix.SIGABRT) }, false},
	} {
		s := newSpawner(t)
		var kills atomic.Uint64
		s.ooms = kills.Load
		p := start(t, s, &Command{Args: []string{"block"}})
		kills.Add(test.kills)
		test.kill(p)
		if e := end(t, p); e.OOMKilled != test.want {
			t.Errorf("%s: %s, OOMKilled = %v", name, e, e.OOMKilled)
		}
	}
}

func TestTheKernelIsNotAskedForEachOfMany(t *testing.T) {
	var asked uint64
	ask := func() uint64 { asked++; return asked }
	var kills tally
	for _, step := range []struct {
		age  time.Duration // of what was told last
		want uint64
	}{{0, 1}, {-time.Hour, 1}, {2 * tallyFor, 2}} {
		if step.age != 0 {
			kills.at = time.Now().Add(-step.age)
		}
		if got := kills.recent(ask); got != step.want {
			t.Errorf("told %d after %v, want %d", got, step.age, step.want)
		}
	}
}

// TestTheKernelTellsOfItsKills has a cgroup's limit of memory end a child.
func TestTheKernelTellsOfItsKills(t *testing.T) {
	if raced {
		t.Skip("the race detector needs more memory than the limit allows")
	}
	dir := filepath.Join("/sys/fs/cgroup/memory", fmt.Sprintf("solti-spawn-test-%d", os.Getpid()))
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Skipf("no cgroup with a limit of memory is to be had: %v", err)
	}
	t.Cleanup(func() { _ = os.Remove(dir) })
	if err := os.WriteFile(filepath.Join(dir, "memory.limit_in_bytes"), []byte("67108864"), 0o600); err != nil {
		t.Skipf("no cgroup with a limit of memory is to be had: %v", err)
	}
	ours, theirs, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ours.Close() }()
	p := start(t, newSpawner(t), &Command{Args: []string{"allocate"}, Files: []*os.File{ours}})
	if err := os.WriteFile(filepath.Join(dir, "cgroup.procs"), fmt.Append(nil, p.PID()), 0o600); err != nil {
		t.Fatal(err)
	}
	_ = theirs.Close()
	if e := end(t, p); !e.OOMKilled || e.OutOfMemory() || !strings.Contains(e.String(), "want of memory") {
		t.Errorf("%s: %s", e, e.Stderr)
	}
}
