package fence

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case "subreaper":
			os.Exit(adopt())
		case "parent":
			os.Exit(parent())
		}
	}
	goleak.VerifyTestMain(m)
}

// start starts a shell that prints the numbers of processes of its own, and returns those numbers.
func start(t *testing.T, script string, n int, set func(*exec.Cmd)) []int {
	t.Helper()
	cmd := exec.Command("/bin/sh", "-c", script)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH")}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if set != nil {
		set(cmd)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	pids := []int{cmd.Process.Pid}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		for _, pid := range pids[1:] {
			if id, err := Identify(pid); err == nil {
				_ = id.Kill(syscall.SIGKILL)
			}
		}
	})
	s := bufio.NewScanner(out)
	for range n {
		if !s.Scan() {
			t.Fatal("the script ended early")
		}
		pid, err := strconv.Atoi(s.Text())
		if err != nil {
			t.Fatal(err)
		}
		pids = append(pids, pid)
	}
	return pids
}

// gone waits until a process is dead.
func gone(t *testing.T, pid int) {
	t.Helper()
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if p, err := look(pid); err != nil || p.Dead() {
			return
		}
	}
	t.Errorf("process %d is still alive", pid)
}

func bounded(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func TestIdentNamesOneProcessForAllTime(t *testing.T) {
	pid := start(t, "echo $$; exec sleep 60", 1, nil)[0]
	id, err := Identify(pid)
	if err != nil {
		t.Fatal(err)
	}
	if !id.Alive() {
		t.Error("the process counts as dead")
	}
	for name, other := range map[string]Ident{
		"another start": {PID: id.PID, Start: id.Start + 1, Boot: id.Boot},
		"another boot":  {PID: id.PID, Start: id.Start, Boot: "x"},
		"none":          {},
	} {
		if err := other.Kill(syscall.SIGKILL); !errors.Is(err, ErrGone) {
			t.Errorf("%s: Kill returned %v, want ErrGone", name, err)
		}
	}
	if !id.Alive() {
		t.Fatal("a process was killed that nobody named")
	}
	if err := id.Kill(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	gone(t, pid)
	if id.Alive() {
		t.Error("a zombie counts as alive")
	}
}

func TestKillFindsMarkedProcessesOutsideTheSession(t *testing.T) {
	mark := fmt.Sprintf("SOLTI_TEST_%d", os.Getpid())
	pids := start(t, "setsid sh -c 'echo $$; exec sleep 60' & setsid sh -c '(setsid sh -c \"echo \\$\\$; exec sleep 60\" &)'; wait", 2,
		func(cmd *exec.Cmd) { cmd.Env = append(cmd.Env, mark+"=1") })
	other := start(t, "echo $$; exec sleep 60", 1, nil)
	err := Kill(bounded(t), func(p Process) bool { return p.Environ("SOLTI_")[mark] == "1" })
	if err != nil {
		t.Fatal(err)
	}
	for _, pid := range pids {
		gone(t, pid)
	}
	if p, err := look(other[0]); err != nil || p.Dead() {
		t.Error("a process without the mark was killed")
	}
}

// A process without session, environment and parent of its own goes to the nearest ancestor that adopts
// orphans. If that one is killed first, nobody finds it any more.
func TestKillFindsWhatHidesBelowAnAdoptingAncestor(t *testing.T) {
	mark := fmt.Sprintf("SOLTI_TEST_%d", os.Getpid())
	pids := start(t, "exec \"$PROGRAM\" parent", 1, func(cmd *exec.Cmd) {
		cmd.Env = append(cmd.Env, mark+"=1", "PROGRAM="+os.Args[0])
	})
	if err := Kill(bounded(t), func(p Process) bool { return p.Environ("SOLTI_")[mark] == "1" }); err != nil {
		t.Fatal(err)
	}
	for _, pid := range pids {
		gone(t, pid)
	}
}

// parent adopts orphans, starts a process that hides where it comes from, and waits for its own end.
func parent() int {
	if err := becomeSubreaper(); err != nil {
		fmt.Println(err)
		return 1
	}
	cmd := exec.Command("/bin/sh", "-c", "(env -i setsid sh -c 'echo $$; exec sleep 60' &)")
	cmd.Stdout = os.Stdout
	if err := cmd.Run(); err != nil {
		fmt.Println(err)
		return 1
	}
	<-time.After(time.Minute)
	return 0
}

func TestKillCatchesWhatForksMeanwhile(t *testing.T) {
	pids := start(t, "echo $$; while :; do sleep 0.01 & done", 1, nil)
	if err := Kill(bounded(t), func(p Process) bool { return p.Session == pids[0] }); err != nil {
		t.Fatal(err)
	}
	gone(t, pids[0])
}

func TestKillSparesUsAndEndsWithItsContext(t *testing.T) {
	if err := Kill(bounded(t), func(p Process) bool { return p.PID == os.Getpid() || p.PID == os.Getppid() }); err != nil {
		t.Errorf("Kill of ourselves: %v, want nothing to do", err)
	}
	pid := start(t, "echo $$; exec sleep 60", 1, nil)[0]
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("enough"))
	err := Kill(ctx, func(p Process) bool { return p.PID == pid })
	if err == nil || !strings.Contains(err.Error(), "enough") {
		t.Errorf("error %v, want the context's cause", err)
	}
}

func TestLockIsHeldByWhoInheritsIt(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "lock")
	l, err := TryLock(path)
	if err != nil {
		t.Fatal(err)
	}
	pid := start(t, "(setsid sh -c 'echo $$; exec sleep 60' &); exec sleep 60", 1,
		func(cmd *exec.Cmd) { cmd.ExtraFiles = []*os.File{l.File} })[1]
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := TryLock(path); !errors.Is(err, ErrLocked) {
		t.Fatalf("TryLock returned %v, want ErrLocked", err)
	}
	if runtime.GOOS != "linux" {
		return
	}
	l, err = TakeLock(bounded(t), path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	gone(t, pid)
}

func TestCgroupDiesWhole(t *testing.T) {
	c, err := OpenCgroups(fmt.Sprintf("test%d", os.Getpid()))
	if err != nil {
		t.Skipf("no cgroups here: %v", err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	g, err := c.Make("p-1")
	if err != nil {
		t.Fatal(err)
	}
	pids := inGroup(t, g)
	if err := os.Mkdir(filepath.Join(g.Path, "attempt"), 0o755); err != nil {
		t.Fatal(err)
	}
	move := []byte(strconv.Itoa(pids[1]))
	if err := os.WriteFile(filepath.Join(g.Path, "attempt", "cgroup.procs"), move, 0); err != nil {
		t.Fatal(err)
	}
	if err := g.Kill(bounded(t)); err != nil {
		t.Fatal(err)
	}
	for _, pid := range pids {
		gone(t, pid)
	}
	if _, err := os.Stat(g.Path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the group is still there: %v", err)
	}
	for _, path := range []string{"/", g.Path + "/../..", filepath.Dir(filepath.Dir(g.Path))} {
		if err := KillGroup(t.Context(), path, fmt.Sprintf("test%d", os.Getpid())); err == nil {
			t.Errorf("KillGroup took the foreign group %s", path)
		}
	}
}

// inGroup starts a process in a group, and a daemon of it that left session and environment.
func inGroup(t *testing.T, g *Group) []int {
	t.Helper()
	dir, err := g.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	return start(t, "(env -i setsid sh -c 'echo $$; exec sleep 60' &); exec sleep 60", 1,
		func(cmd *exec.Cmd) { intoCgroup(cmd.SysProcAttr, int(dir.Fd())) })
}

func TestReaperReapsOnlyOrphans(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("no subreapers here")
	}
	out, err := exec.Command(os.Args[0], "subreaper").CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// adopt is a process that adopts an orphan, reaps it, and still learns the exit of its own child.
func adopt() int {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	r := new(Reaper)
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	for try := 0; ; try++ {
		cmd := exec.Command("/bin/sh", "-c", "setsid sh -c '(exit 0) & exit 0' & exit 3")
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		if err := r.Spawn(func() (int, error) { err := cmd.Start(); return cmd.Process.Pid, err }); err != nil {
			fmt.Println(err)
			return 1
		}
		r.Reap()
		_ = cmd.Wait()
		r.Forget(cmd.Process.Pid)
		if cmd.ProcessState.ExitCode() != 3 {
			fmt.Println("the exit of a child was stolen:", cmd.ProcessState)
			return 1
		}
		if try == 20 {
			break
		}
	}
	for end := time.Now().Add(5 * time.Second); len(r.orphans()) > 0; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			fmt.Println("orphans are left:", r.orphans())
			return 1
		}
	}
	cancel()
	if err := <-done; err != nil {
		fmt.Println(err)
		return 1
	}
	return 0
}

func FuzzParseStat(f *testing.F) {
	f.Add([]byte("12 (a) b) S 1 12 12 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 12345 1 1"))
	f.Add([]byte(")"))
	f.Add([]byte(""))
	f.Fuzz(func(_ *testing.T, b []byte) { _, _ = parseStat(1, b) })
}
func intoCgroup(attr *syscall.SysProcAttr, fd int) { attr.UseCgroupFD, attr.CgroupFD = true, fd }
