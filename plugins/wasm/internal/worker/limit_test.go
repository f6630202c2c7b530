package worker_test

import (
	"errors"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/soltihq/solti-host/plugins/wasm/internal/moduletest"
	"github.com/soltihq/solti-host/plugins/wasm/internal/proctest"
	"github.com/soltihq/solti-host/plugins/wasm/internal/spawn"
	"github.com/soltihq/solti-host/plugins/wasm/internal/wire"
)

// signalOf returns the signal that ended a process.
func signalOf(err error) syscall.Signal {
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		return 0
	}
	return exit.Sys().(syscall.WaitStatus).Signal()
}

func TestCPULimit(t *testing.T) {
	within(t)
	s := loaded(t, compiled(t, moduletest.Loop()).load(wire.Load{}))
	_, err := s.Run(wire.Job{CPU: 50 * time.Millisecond}, &record{}, wire.Limit{})
	if !errors.Is(err, wire.ErrGone) {
		t.Fatalf("run: %v, want ErrGone", err)
	}
	if got := signalOf(s.wait()); got != unix.SIGXCPU {
		t.Errorf("worker ended by %v, want SIGXCPU", got)
	}
}

func TestMemoryIsRefusedAndNotFatal(t *testing.T) {
	within(t)
	for _, pages := range []uint32{17, 1024, 4096} {
		status, out, s := run(t, moduletest.MemoryBomb(), wire.Load{Pages: pages}, wire.Job{})
		if status.End != wire.Exited || status.Code != 0 {
			t.Fatalf("status %+v", status)
		}
		if got := out.out[1].String(); got != moduletest.Ready+moduletest.Full {
			t.Errorf("output %q", got)
		}
		if got := s.Usage().PagesPeak; got > uint64(pages) || got < uint64(pages)-16 {
			t.Errorf("%d pages at most, limit %d", got, pages)
		}
	}
}

func TestModuleLargerThanLimit(t *testing.T) {
	within(t)
	status, _, _ := run(t, moduletest.Fill(4<<20), wire.Load{Pages: 16}, wire.Job{})
	if status.End != wire.Failed || !strings.Contains(status.Reason, "limit") {
		t.Errorf("status %+v, want a failure that names the limit", status)
	}
}

func TestRecursionIsATrap(t *testing.T) {
	within(t)
	status, _, _ := run(t, moduletest.Recursion(), wire.Load{Pages: 1}, wire.Job{})
	if status.End != wire.Trapped || status.Trap.Kind != wire.TrapStack {
		t.Errorf("status %+v", status)
	}
}

func TestTableBombEndsTheWorkerAlone(t *testing.T) {
	if proctest.Raced {
		t.Skip("the race detector takes so much memory that there is no limit")
	}
	within(t)
	s := loaded(t, compiled(t, moduletest.TableBomb()).load(wire.Load{Pages: 16}))
	out := &record{}
	_, err := s.Run(wire.Job{}, out, wire.Limit{})
	if !errors.Is(err, wire.ErrGone) {
		t.Fatalf("run: %v, want ErrGone", err)
	}
	var exit *exec.ExitError
	if err := s.wait(); !errors.As(err, &exit) || exit.ExitCode() != 2 {
		t.Errorf("worker: %v, want exit 2", err)
	}
	if !spawn.OutOfMemory(s.stderr.String()) {
		t.Errorf("stderr %.200q does not say why", &s.stderr)
	}
	if got := out.out[1].String(); got != moduletest.Ready {
		t.Errorf("output %q, want what was written before the end", got)
	}
}

func TestOutputOverTheLimit(t *testing.T) {
	within(t)
	i := compiled(t, moduletest.OutputFlood())
	t.Run("kill", func(t *testing.T) {
		s := loaded(t, i.load(wire.Load{}))
		out := &record{}
		_, err := s.Run(wire.Job{}, out, wire.Limit{Bytes: 100_000, Over: wire.Kill})
		if !errors.Is(err, wire.ErrOutputLimit) || out.out[1].Len() != 100_000 {
			t.Errorf("run: %v with %d bytes, want ErrOutputLimit with 100000", err, out.out[1].Len())
		}
	})
	t.Run("drop", func(t *testing.T) {
		s := loaded(t, i.load(wire.Load{}))
		out := &record{}
		time.AfterFunc(200*time.Millisecond, func() { _ = s.cmd.Process.Kill() })
		_, err := s.Run(wire.Job{}, out, wire.Limit{Bytes: 100_000, Over: wire.Drop})
		if !errors.Is(err, wire.ErrGone) || out.out[1].Len() != 100_000 || out.gaps[1] == 0 {
			t.Errorf("run: %v with %d bytes and %d dropped", err, out.out[1].Len(), out.gaps[1])
		}
	})
	t.Run("block", func(t *testing.T) {
		s := loaded(t, i.load(wire.Load{}))
		out := &record{}
		time.AfterFunc(500*time.Millisecond, func() { _ = s.cmd.Process.Kill() })
		_, err := s.Run(wire.Job{}, out, wire.Limit{Rate: 1 << 20})
		if n := out.out[1].Len(); !errors.Is(err, wire.ErrGone) || n > 3<<20 || n < 1<<20 || out.gaps[1] != 0 {
			t.Errorf("run: %v with %d bytes and %d dropped, want about 1.5 MiB and what the ring held", err, n, out.gaps[1])
		}
	})
}

func TestMounts(t *testing.T) {
	within(t)
	s := loaded(t, compiled(t, moduletest.Opens()).load(wire.Load{}))
	dir := directory(t, t.TempDir())
	status, err := s.Run(wire.Job{Mounts: []wire.Mount{{Guest: "/data", Dir: dir}}, OpenFiles: 10}, &record{}, wire.Limit{})
	const tooMany = 33
	if err != nil || status.Code != tooMany {
		t.Errorf("status %+v, %v; want exit %d", status, err, tooMany)
	}
	if got := s.Usage().Opens; got != 10 {
		t.Errorf("%d opened, want 10", got)
	}
}
