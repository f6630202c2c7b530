package plugin

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/soltihq/solti-host/host/internal/fence"
	"github.com/soltihq/solti-host/host/task"
)

// childHost is a host in a process of its own, which tests kill. It says when its plugins work.
func childHost() int {
	var o Options
	if err := json.Unmarshal([]byte(os.Getenv("SOLTI_TEST_HOST")), &o); err != nil {
		fmt.Println(err)
		return 1
	}
	open := Open
	if os.Getenv("SOLTI_TEST_NO_CGROUPS") != "" {
		open = openWithoutCgroups
	}
	s, err := open(o)
	if err == nil {
		err = s.Start(context.Background())
	}
	if err != nil {
		fmt.Println(err)
		return 1
	}
	<-s.Settled()
	for _, p := range s.Plugins() {
		if !p.Ready() {
			fmt.Printf("%+v\n", s.Status())
			return 1
		}
		r, _ := run(context.Background(), p, "task")
		<-r.first
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	fmt.Println("up")
	<-ctx.Done()
	if err := s.Stop(context.Background()); err != nil {
		fmt.Println(err)
		return 1
	}
	return 0
}

// host starts a host with the options of b and waits until its plugins work.
func (b *bundle) host(env ...string) *exec.Cmd {
	b.t.Helper()
	o := b.opts
	o.Log = nil
	config, err := json.Marshal(o)
	if err != nil {
		b.t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "SOLTI_TEST_HOST="+string(config))
	cmd.Env = append(cmd.Env, env...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	s := bufio.NewScanner(out)
	if !s.Scan() || s.Text() != "up" {
		b.t.Fatalf("the host is not up: %q", s.Text())
	}
	return cmd
}

// A host that is killed takes along the plugins that watch their lifeline; what ignores it, and what
// tasks started, is dead before the next host starts anything.
func TestNextHostBeginsWithWhatIsLeft(t *testing.T) {
	t.Parallel()
	rounds := 1
	if long {
		rounds = 100
	}
	for _, adopting := range []bool{false, true} {
		t.Run(fmt.Sprintf("subreaper=%t", adopting), func(t *testing.T) {
			t.Parallel()
			b := prepare(t, map[string]Settings{"good": {}, "deaf": mode("deaf")}, func(o *Options) { o.Subreaper = adopting })
			for range rounds {
				b.killHost()
			}
			b.opts.Subreaper = false
			b.start()
			works(t, b.awaitReady("good"))
			works(t, b.awaitReady("deaf"))
		})
	}
}

// killHost starts a host, kills it, and checks that the lifeline works and what the next host finds.
func (b *bundle) killHost() {
	b.t.Helper()
	cmd := b.host()
	var good fence.Ident
	for _, pid := range b.marked() {
		if p := processOf(b.t, pid); p.Environ("SOLTI_")["SOLTI_PLUGIN"] == "good/1" {
			id, err := fence.Identify(pid)
			if err != nil {
				b.t.Fatal(err)
			}
			good = id
		}
	}
	if !good.Alive() {
		b.t.Fatal("the good plugin is not there")
	}
	if err := cmd.Process.Kill(); err != nil {
		b.t.Fatal(err)
	}
	_ = cmd.Wait()
	for end := time.Now().Add(2 * time.Second); good.Alive(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			b.t.Fatal("the plugin outlived its host by 2s")
		}
	}
	// The next host is this process, which must not adopt and reap what other tests start.
	adopting := b.opts.Subreaper
	b.opts.Subreaper = false
	defer func() { b.opts.Subreaper = adopting }()
	old := b.marked()
	if len(old) < 2 {
		b.t.Fatalf("processes %v, want the deaf plugin and tasks", old)
	}
	b.start()
	for _, pid := range old {
		if p := processOf(b.t, pid); !p.Dead() && p.Environ("SOLTI_")["SOLTI_HOST_ID"] == b.opts.HostID && p.Start < good.Start {
			b.t.Errorf("process %d of the host before is alive", pid)
		}
	}
	b.settle()
	b.halt()
	if left := b.marked(); len(left) > 0 {
		b.t.Errorf("processes are left: %v", left)
	}
}

func processOf(t testing.TB, pid int) fence.Process {
	t.Helper()
	all, err := fence.Processes()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range all {
		if p.PID == pid {
			return p
		}
	}
	return fence.Process{State: 'X'}
}

// A host that adopts orphans leaves nothing behind when it stops in order, not even what has left
// parent, session and environment and could not be put into a cgroup.
func TestAdoptingHostStopsClean(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("no subreapers here")
	}
	escapee, first := napping("escapee")
	unmarked, second := napping("unmarked")
	b := prepare(t, map[string]Settings{"e": escapee, "u": unmarked}, func(o *Options) { o.Subreaper = true })
	cmd := b.host("SOLTI_TEST_NO_CGROUPS=1")
	for _, nap := range []string{first, second} {
		if len(awake(t, nap)) == 0 {
			t.Fatal("nothing was left behind to be killed")
		}
	}
	_ = cmd.Process.Signal(syscall.SIGTERM)
	if err := cmd.Wait(); err != nil {
		t.Errorf("the host ended with %v", err)
	}
	for _, nap := range []string{first, second} {
		if left := awake(t, nap); len(left) > 0 {
			t.Errorf("processes are left: %v", left)
		}
	}
}

func TestSecondStartAfterAKillOfThePluginAlone(t *testing.T) {
	t.Parallel()
	b := newSet(t, map[string]Settings{"p": mode("unmarked")})
	b.awaitReady("p")
	b.kill("p", syscall.SIGSEGV)
	s := b.await("p", "ready again", func(s task.Plugin) bool { return s.State == task.PluginReady && s.Generation == 2 })
	if !strings.HasPrefix(s.LastExit.Signal, "SIG") && s.LastExit.ExitCode != 2 {
		t.Errorf("last exit %+v", s.LastExit)
	}
}
