package spawn

import (
	"errors"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// patience bounds what a test waits for.
const patience = 20 * time.Second

func ptr(p *int) uintptr { return uintptr(unsafe.Pointer(p)) }

func newSpawner(t *testing.T) *Spawner {
	t.Helper()
	s, err := New(2)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// start starts a child of this test binary, and has it ended with the test.
func start(t *testing.T, s *Spawner, cmd *Command) *Process {
	t.Helper()
	p, err := s.Start(cmd)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if !p.Stop(patience) {
			t.Errorf("child %d does not die", p.PID())
		}
	})
	return p
}

// end waits for the child's end.
func end(t *testing.T, p *Process) Exit {
	t.Helper()
	select {
	case <-p.Done():
		return p.Exit()
	case <-time.After(patience):
		t.Fatalf("child %d does not end", p.PID())
		return Exit{}
	}
}

// alive reports whether the process runs: a zombie does not.
func alive(pid int) bool {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return false
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	return !strings.HasPrefix(rest, "Z") && !strings.HasPrefix(rest, "X") && !errors.Is(unix.Kill(pid, 0), unix.ESRCH)
}

// until waits for cond.
func until(t *testing.T, what string, cond func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !cond(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("still waiting for %s", what)
		}
	}
}
