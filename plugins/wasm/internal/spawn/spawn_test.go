package spawn

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/soltihq/solti-host/plugins/wasm/internal/memfile"
	"github.com/soltihq/solti-host/plugins/wasm/internal/proctest"
)

func TestExitTellsHowAChildEnded(t *testing.T) {
	s := newSpawner(t)
	cases := []struct {
		args   []string
		want   string
		stderr string
	}{
		{[]string{"exit", "0"}, "exit status 0", ""},
		{[]string{"exit", "7", "some", "words"}, "exit status 7", "some words"},
		{[]string{"crash"}, "exit status 2", "panic: the child broke"},
	}
	for _, c := range cases {
		e := end(t, start(t, s, &Command{Args: c.args}))
		if e.String() != c.want || !strings.HasPrefix(e.Stderr, c.stderr) || e.Killed || e.Elapsed <= 0 || e.MaxRSS <= 0 {
			t.Errorf("%q: %+v (%s), want %s with %q", c.args, e, e, c.want, c.stderr)
		}
	}
}

func TestAChildInheritsNothingButWhatItIsGiven(t *testing.T) {
	s := newSpawner(t)
	t.Setenv("SOLTI_TEST_SECRET", "secret")
	out, err := memfile.New("out")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = out.Close() }()
	p := start(t, s, &Command{Args: []string{"facts"}, Files: []*os.File{out}, Env: []string{"GOMAXPROCS=1"}})
	if e := end(t, p); e.Code != 0 {
		t.Fatalf("%s: %s", e, e.Stderr)
	}
	text := make([]byte, 4096)
	n, _ := out.ReadAt(text, 0)
	got := string(text[:n])
	for _, want := range []string{
		"env [\"GOMAXPROCS=1\"]\n", "group true\n", "death 9\n", "fd 0 /dev/null\n", "fd 1 /dev/null\n", "fd 2 pipe\n", "fd 3 /memfd\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("got\n%swant %q", got, want)
		}
	}
	for line := range strings.Lines(got) { // what the Go runtime opens for itself is its own
		if strings.HasPrefix(line, "fd ") && !strings.Contains(line, "anon_inode") && !strings.Contains(line, "/sys/fs/cgroup/") && line[3] > '3' {
			t.Errorf("the child has %s", line)
		}
	}
}

func TestKillEndsAChildAtOnce(t *testing.T) {
	s := newSpawner(t)
	for _, mode := range []string{"block", "spin"} {
		p := start(t, s, &Command{Args: []string{mode}})
		if !p.Stop(proctest.Patience) {
			t.Fatal("not stopped")
		}
		if e := p.Exit(); e.Signal != unix.SIGKILL || !e.Killed || e.Code != -1 || e.String() != "killed by SIGKILL" {
			t.Errorf("%s: %+v", mode, e)
		}
		p.Kill() // its number may be somebody else's by now
	}
}

func TestWaitEndsWithItsContext(t *testing.T) {
	s := newSpawner(t)
	p := start(t, s, &Command{Args: []string{"block"}})
	cause := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(cause)
	if _, err := p.Wait(ctx); !errors.Is(err, cause) {
		t.Errorf("error %v", err)
	}
	p.Kill()
	if e, err := p.Wait(t.Context()); err != nil || e.Signal != unix.SIGKILL {
		t.Errorf("exit %v, %v", e, err)
	}
}

func TestStderrIsKeptFromBothEnds(t *testing.T) {
	s := newSpawner(t)
	e := end(t, start(t, s, &Command{Args: []string{"flood"}}))
	if !strings.HasPrefix(e.Stderr, "BEGIN\n") || !strings.HasSuffix(e.Stderr, "END\n") ||
		len(e.Stderr) > headMax+tailMax+100 || !strings.Contains(e.Stderr, " bytes]\n") {
		t.Errorf("%d bytes, %q ... %q", len(e.Stderr), e.Stderr[:10], e.Stderr[len(e.Stderr)-10:])
	}
}

// Somebody else may have the pipe; the group is killed with its leader.
func TestWhatAChildLeavesDoesNotHoldItsEndUp(t *testing.T) {
	s := newSpawner(t)
	p := start(t, s, &Command{Args: []string{"litter"}})
	e := end(t, p)
	var pid int
	if _, err := fmt.Sscan(e.Stderr, &pid); err != nil {
		t.Fatalf("stderr %q", e.Stderr)
	}
	proctest.Until(t, "the death of what the child left", func() bool { return !proctest.Alive(pid) })
}

func TestLimitsAreInForceWhenStartReturns(t *testing.T) {
	if proctest.Raced {
		t.Skip("the race detector needs more data than the limit allows")
	}
	s := newSpawner(t)
	ours, theirs, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ours.Close() }()
	p := start(t, s, &Command{
		Args: []string{"allocate"}, Files: []*os.File{ours},
		Limits: []Limit{{unix.RLIMIT_DATA, 256 << 20}, {unix.RLIMIT_CORE, 0}, {unix.RLIMIT_NOFILE, 32}},
	})
	for resource, want := range map[int]uint64{unix.RLIMIT_DATA: 256 << 20, unix.RLIMIT_CORE: 0, unix.RLIMIT_NOFILE: 32} {
		var have unix.Rlimit
		if err := unix.Prlimit(p.PID(), resource, nil, &have); err != nil || have.Cur != want || have.Max != want {
			t.Errorf("limit %d: %+v, %v; want %d", resource, have, err, want)
		}
	}
	_ = theirs.Close()
	if e := end(t, p); !e.OutOfMemory() {
		t.Errorf("%s: %s", e, e.Stderr)
	}
}

func TestTheLimitOfProcessorTimeKills(t *testing.T) {
	s := newSpawner(t)
	p := start(t, s, &Command{Args: []string{"spin"}, Env: []string{"GOMAXPROCS=1"}, Limits: []Limit{{unix.RLIMIT_CPU, 1}}})
	if e := end(t, p); !e.SpentCPU(time.Second) {
		t.Errorf("%s after %v, killed by us: %v", e, e.CPU(), e.Killed)
	}
}

func TestChildrenDieWithTheirParent(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), Self, "parent")
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = stdin.Close() }()
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	var pid int
	if _, err := fmt.Sscan(line, &pid); err != nil || !proctest.Alive(pid) {
		t.Fatalf("child %q, %v", line, err)
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	proctest.Until(t, "the child's death", func() bool { return !proctest.Alive(pid) })
}

func TestCloseEndsWhatIsAlive(t *testing.T) {
	s, err := New(1)
	if err != nil {
		t.Fatal(err)
	}
	p, err := s.Start(&Command{Args: []string{"block"}})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(s.Close(), s.Close()); err != nil {
		t.Fatal(err)
	}
	if e := end(t, p); e.Signal != unix.SIGKILL || e.Killed {
		t.Errorf("%+v", e)
	}
	if _, err := s.Start(&Command{Args: []string{"block"}}); !errors.Is(err, ErrClosed) {
		t.Errorf("start after close: %v", err)
	}
}

func TestAFailedStartLeavesNothing(t *testing.T) {
	s := newSpawner(t)
	before := proctest.Descriptors(t)
	for range 10 {
		if _, err := s.Start(&Command{Path: "/does/not/exist"}); !errors.Is(err, unix.ENOENT) || !strings.Contains(err.Error(), "/does/not/exist") {
			t.Errorf("error %v", err)
		}
		if _, err := s.Start(&Command{Args: []string{"block"}, Limits: []Limit{{Resource: 9999}}}); !errors.Is(err, unix.EINVAL) {
			t.Errorf("error %v", err)
		}
	}
	if after := proctest.Descriptors(t); after != before {
		t.Errorf("%d descriptors before, %d after", before, after)
	}
}

func TestManyAtOnce(t *testing.T) {
	s := newSpawner(t)
	before := proctest.Descriptors(t)
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			p, err := s.Start(&Command{Args: []string{"block"}})
			if err != nil {
				t.Error(err)
				return
			}
			if !p.Stop(proctest.Patience) {
				t.Error("not stopped")
			}
		})
	}
	wg.Wait()
	proctest.Until(t, "descriptors to be closed", func() bool { return proctest.Descriptors(t) <= before })
}
