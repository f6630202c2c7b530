package spawn

import (
	"testing"
	"time"
	"unsafe"

	"github.com/soltihq/solti-host/plugins/wasm/internal/proctest"
)

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
		if !p.Stop(proctest.Patience) {
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
	case <-time.After(proctest.Patience):
		t.Fatalf("child %d does not end", p.PID())
		return Exit{}
	}
}
