package spawn

import (
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/soltihq/solti-host/plugins/wasm/internal/proctest"
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
	if proctest.Raced {
		t.Skip("the race detector needs more memory than the limit allows")
	}
	put := proctest.Cramped(t)
	ours, theirs, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ours.Close() }()
	p := start(t, newSpawner(t), &Command{Args: []string{"allocate"}, Files: []*os.File{ours}})
	put(p.PID())
	_ = theirs.Close()
	if e := end(t, p); !e.OOMKilled || e.OutOfMemory() || !strings.Contains(e.String(), "want of memory") {
		t.Errorf("%s: %s", e, e.Stderr)
	}
}
