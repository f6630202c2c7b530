package process

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// styles are ways in which a task may leave processes behind. Each ends by itself; with "; wait" or
// the like after it, it has to be stopped.
var styles = []struct{ name, script string }{
	{"background", "sleep TAG &"},
	{"closed outputs", "sleep TAG >/dev/null 2>&1 &"},
	{"pipeline", "sleep TAG | sleep TAG &"},
	{"nohup", "nohup sleep TAG >/dev/null 2>&1 &"},
	{"ignoring TERM", "(trap '' TERM HUP INT; sleep TAG) &"},
	{"stopped", "sleep TAG & kill -STOP $!"},
	{"setsid", "setsid sleep TAG &"},
	{"setsid, closed outputs", "setsid sleep TAG >/dev/null 2>&1 &"},
	{"double fork", "(sleep TAG &)"},
	{"double fork and setsid", "(setsid sh -c 'sleep TAG & sleep TAG' &)"},
	{"many sessions", "for i in 1 2 3 4 5 6; do (setsid sh -c 'setsid sleep TAG & sleep TAG' &); done"},
	{"no environment", "(setsid env -i /bin/sleep TAG &)"},
	{"stopped session", "(setsid sh -c 'kill -STOP $$; sleep TAG' 'TAG' &) ; sleep 0.01"},
	{"daemon that forks on", "(setsid sh -c 'trap \"\" TERM; for i in 1 2 3 4 5 6 7 8; do sleep 0.01; (setsid sleep TAG &); done' 'TAG' &)"},
	{"own group", "sh -mc 'sleep TAG & sleep TAG & exit'"},
}

// rounds is how often the styles are tried.
func rounds() int {
	if long() {
		return 100
	}
	return 2
}

func TestNothingSurvivesTheLeader(t *testing.T) {
	for _, style := range styles {
		t.Run(style.name, func(t *testing.T) {
			eachMode(t, func(t *testing.T, e *Engine) {
				for range rounds() {
					tr := sh(style.script + "\necho end; exit 3")
					if exit := tr.run(t, e); exit.Code != 3 || exit.Cut {
						t.Errorf("got %+v, want exit code 3 and all output", exit)
					}
				}
			})
		})
	}
}

func TestNothingSurvivesForce(t *testing.T) {
	for _, style := range styles {
		t.Run(style.name, func(t *testing.T) {
			eachMode(t, func(t *testing.T, e *Engine) {
				for range rounds() {
					tr := sh("trap '' TERM\n" + style.script + "\necho ready; while :; do sleep TAG; done")
					exit := forced(t, e, tr)
					if exit.Signal != unix.SIGKILL || exit.Cut {
						t.Errorf("got %+v, want SIGKILL and all output", exit)
					}
				}
			})
		})
	}
}

// forced runs a trial that says when it is ready, asks it to end and kills it a moment later.
func forced(t *testing.T, e *Engine, tr *trial) Exit {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	tr.cmd.Stdout = onWrite(func() {
		cancel()
		time.AfterFunc(time.Duration(rand.IntN(5))*time.Millisecond, sync.OnceFunc(func() { close(tr.force) }))
	})
	return tr.runIn(ctx, t, e)
}

// onWrite calls f at the first write.
func onWrite(f func()) writerFunc { f = sync.OnceFunc(f); return func() { f() } }

type writerFunc func()

func (f writerFunc) Write(p []byte) (int, error) { f(); return len(p), nil }

func TestForkingWhileBeingKilled(t *testing.T) {
	for name, script := range map[string]string{
		"same group": "trap '' TERM; echo ready; while :; do sleep TAG & done",
		"tree":       "trap '' TERM; echo ready; f() { sleep TAG & f & f; }; ulimit -u 2000 2>/dev/null; i=0; while [ $i -lt 300 ]; do (sleep TAG & sleep TAG) & i=$((i+1)); done; wait",
		"sessions":   "trap '' TERM; echo ready; while :; do setsid sleep TAG & done",
	} {
		t.Run(name, func(t *testing.T) {
			eachMode(t, func(t *testing.T, e *Engine) {
				for range rounds() {
					forced(t, e, sh(script))
				}
			})
		})
	}
}

func TestStopAsksFirst(t *testing.T) {
	for name, tt := range map[string]struct {
		script string
		want   Exit
	}{
		"obeys":           {"echo ready; exec sleep TAG", Exit{Code: -1, Signal: unix.SIGTERM}},
		"cleans up":       {"trap 'exit 9' TERM; echo ready; while :; do sleep 0.01; done", Exit{Code: 9}},
		"stopped":         {"trap 'exit 8' TERM; echo ready; kill -STOP $$; while :; do sleep 0.01; done", Exit{Code: 8}},
		"child is asked":  {"trap : TERM; sh -c 'trap \"exit 6\" TERM; echo ready; while :; do sleep 0.01; done' TAG; exit $?", Exit{Code: 6}},
		"children linger": {"trap 'exit 5' TERM; (trap '' TERM; sleep TAG) & echo ready; while :; do sleep 0.01; done", Exit{Code: 5}},
	} {
		t.Run(name, func(t *testing.T) {
			eachMode(t, func(t *testing.T, e *Engine) {
				tr := sh(tt.script)
				ctx, cancel := context.WithCancel(t.Context())
				tr.cmd.Stdout = onWrite(cancel)
				exit := tr.runIn(ctx, t, e)
				if exit.Code != tt.want.Code || exit.Signal != tt.want.Signal {
					t.Errorf("got %+v, want %+v", exit, tt.want)
				}
			})
		})
	}
}

func TestStopAsksTheWholeCgroup(t *testing.T) {
	e := newEngine(t, Cgroup)
	mark := filepath.Join(t.TempDir(), "mark")
	tr := newTrial("/bin/sh", "-c", `trap : TERM; setsid sh -c 'trap "echo asked >\"$0\"; exit" TERM; echo ready; while :; do sleep 0.01; done' "$0" TAG & wait; wait; exit 4`, mark)
	ctx, cancel := context.WithCancel(t.Context())
	tr.cmd.Stdout = onWrite(cancel)
	if exit := tr.runIn(ctx, t, e); exit.Code != 4 {
		t.Errorf("got %+v, want exit code 4", exit)
	}
	if data, err := os.ReadFile(mark); err != nil || string(data) != "asked\n" {
		t.Errorf("a process in a session of its own was not asked: %q, %v", data, err)
	}
}

func TestAStoppedAttemptDoesNotStart(t *testing.T) {
	e := newEngine(t, Group)
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(os.ErrClosed)
	if _, err := e.Run(ctx, sh("exit 0").cmd); err != os.ErrClosed { //nolint:errorlint // the cause itself
		t.Errorf("got %v, want the cause", err)
	}
}

func TestAttemptsSideBySideKeepApart(t *testing.T) {
	n := 60
	if long() {
		n = 5000
	}
	eachMode(t, func(t *testing.T, e *Engine) {
		keeper := sh("(setsid sleep TAG &); echo ready; read x; exit 0")
		ctx, cancel := context.WithCancel(t.Context())
		ready := make(chan struct{})
		keeper.cmd.Stdout = onWrite(func() { close(ready) })
		keeper.cmd.Args[1] = "(setsid sleep " + keeper.tag + " &); echo ready; exec sleep " + keeper.tag
		kept := make(chan Exit)
		go func() { kept <- keeper.runIn(ctx, t, e) }()
		<-ready
		var wg sync.WaitGroup
		jobs := make(chan int)
		for range 8 {
			wg.Go(func() {
				for i := range jobs {
					style := styles[i%len(styles)]
					if style.name == "no environment" && e.Mode() == Group {
						continue // such a process is killed when the keeper ends, see package orphan
					}
					tr := sh(style.script + "\necho end; exit 3")
					if exit := tr.run(t, e); exit.Code != 3 {
						t.Errorf("%s: got %+v, want exit code 3", style.name, exit)
					}
					if err := exec.Command("/bin/true").Run(); err != nil {
						t.Errorf("os/exec lost its child: %v", err)
					}
				}
			})
		}
		for i := range n {
			jobs <- i
		}
		close(jobs)
		wg.Wait()
		if got := len(survivors(keeper.tag)); got != 2 {
			t.Errorf("%d processes of the attempt beside are alive, want 2", got)
		}
		cancel()
		if exit := <-kept; exit.Signal != unix.SIGTERM {
			t.Errorf("attempt beside: got %+v, want SIGTERM", exit)
		}
	})
}

func TestAnUnmarkedOrphanDiesWithTheLastSuspect(t *testing.T) {
	e := newEngine(t, Group)
	first, second := sh(""), sh("")
	first.cmd.Args[1] = "echo ready; exec sleep " + first.tag
	ready := make(chan struct{})
	ctx, cancel := context.WithCancel(t.Context())
	first.cmd.Stdout = onWrite(func() { close(ready) })
	done := make(chan Exit)
	go func() { done <- first.runIn(ctx, t, e) }()
	<-ready
	// It sheds the session and the marks, so that nobody can tell it from a process of the first.
	second.cmd.Args[1] = "(setsid env -i /bin/sleep 3600." + first.cmd.RunID[len("subprocess-test-"):] + "7 >/dev/null 2>&1 &); sleep 0.1"
	if _, err := e.Run(t.Context(), second.cmd); err != nil {
		t.Fatal(err)
	}
	cancel()
	<-done
	until(t, "the orphan's death", func() bool {
		return len(survivors(first.cmd.RunID[len("subprocess-test-"):]+"7")) == 0
	})
}

func TestOrphansOfALongAttemptAreReaped(t *testing.T) {
	eachMode(t, func(t *testing.T, e *Engine) {
		tr := sh("i=0; while [ $i -lt 50 ]; do (true &); (setsid true &); i=$((i+1)); done; echo ready; exec sleep TAG")
		ctx, cancel := context.WithCancel(t.Context())
		ready := make(chan struct{})
		tr.cmd.Stdout = onWrite(func() { close(ready) })
		done := make(chan Exit)
		go func() { done <- tr.runIn(ctx, t, e) }()
		<-ready
		until(t, "only the leader to be left", func() bool { return len(children(t)) == 1 })
		cancel()
		<-done
	})
}

func TestLeavesAreUsedAgainAndLimited(t *testing.T) {
	dir := cgroupDir(t)
	e, err := New(Options{Mode: Cgroup, CgroupDir: dir})
	if err != nil {
		t.Fatal(err)
	}
	for range 20 {
		sh("sleep 0.001 & wait").run(t, e)
	}
	groups, _ := filepath.Glob(dir + "/run-*")
	if len(groups) != 1 {
		t.Errorf("attempts one after another used %d cgroups, want 1", len(groups))
	}
	if err := os.Mkdir(filepath.Join(groups[0], "below"), 0o755); err == nil {
		t.Error("a group could be made below an attempt's")
		_ = os.Remove(filepath.Join(groups[0], "below"))
	}
	// One that had to be killed is not, or the next attempt would be dead on arrival.
	for range 3 {
		sh("setsid sleep TAG & exit 0").run(t, e)
		if exit := sh("exit 3").run(t, e); exit.Code != 3 {
			t.Errorf("after a kill: got %+v, want exit code 3", exit)
		}
	}
	if err := e.Close(); err != nil {
		t.Error(err)
	}
	if groups, _ = filepath.Glob(dir + "/run-*"); len(groups) != 0 {
		t.Errorf("left over after Close: %v", groups)
	}
}

func TestUnusableCgroupDirectories(t *testing.T) {
	for _, dir := range []string{"", "/no/such/dir", "/tmp", "/proc"} {
		if e, err := New(Options{Mode: Cgroup, CgroupDir: dir}); err == nil {
			t.Errorf("%q was taken", dir)
			_ = e.Close()
		}
		e, err := New(Options{CgroupDir: dir})
		if err != nil {
			t.Fatalf("%q: %v", dir, err)
		}
		if e.Mode() != Group {
			t.Errorf("%q: mode is %s, want %s", dir, e.Mode(), Group)
		}
		_ = e.Close()
	}
}

// TestTheLeaderDiesWithThisProcess runs this test binary as the plugin that is killed.
func TestTheLeaderDiesWithThisProcess(t *testing.T) {
	const role = "SOLTI_TEST_VICTIM"
	if tag := os.Getenv(role); tag != "" {
		e, err := New(Options{Mode: Group})
		if err != nil {
			t.Fatal(err)
		}
		tr := newTrial("/bin/sleep", tag)
		tr.cmd.Started = func(Leader) { fmt.Println("started") }
		_, _ = e.Run(t.Context(), tr.cmd)
		return
	}
	tag := fmt.Sprintf("3600.%d99", os.Getpid())
	victim := exec.Command(os.Args[0], "-test.run=^TestTheLeaderDiesWithThisProcess$")
	victim.Env = append(os.Environ(), role+"="+tag)
	ready := make(chan struct{})
	victim.Stdout = onWrite(func() { close(ready) })
	if err := victim.Start(); err != nil {
		t.Fatal(err)
	}
	<-ready
	until(t, "the leader", func() bool { return len(survivors(tag)) == 1 })
	if err := victim.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = victim.Wait()
	until(t, "the leader's death", func() bool { return len(survivors(tag)) == 0 })
}
