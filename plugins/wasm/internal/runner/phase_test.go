package runner

import (
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/soltihq/solti-host/plugins/wasm/internal/moduletest"
	"github.com/soltihq/solti-host/plugins/wasm/internal/proctest"
	pluginv1 "github.com/soltihq/solti-host/shared/proto/solti/plugin/v1"
)

// slowToCompile is a module whose compilation takes longer than a test needs to end it.
func slowToCompile() []byte { return moduletest.BranchBomb(8000) }

func (r *record) cancel(t testing.TB) *record {
	t.Helper()
	r.stop(t, pluginv1.StopReason_STOP_REASON_CANCEL)
	r.finish(t).want(t, canceled, false)
	return r
}

func TestCanceledWhileCompiling(t *testing.T) {
	s := newSubject(t, nil)
	one, two := s.build(t, inline(slowToCompile())), s.build(t, inline(slowToCompile()))
	a, b := one.start(t, nil), two.start(t, nil)
	compiling := func() bool {
		return a.event("compiling") != nil && b.event("compiling") != nil && len(children(t, "compile")) == 1
	}
	proctest.Until(t, "one compilation for both", compiling)
	a.cancel(t)
	if a.begun() {
		t.Error("an attempt is said to have begun that was still compiling")
	}
	if len(children(t, "compile")) != 1 {
		t.Error("the compilation ended although another attempt waits for it")
	}
	b.cancel(t)
	proctest.Until(t, "the end of the compilation", func() bool { return len(children(t, "compile")) == 0 })
	s.run(t, inline(moduletest.Hello("on"))).succeeded(t, "on")
}

func TestCanceledWhileQueued(t *testing.T) {
	s := newSubject(t, object{"workers": object{"atOnce": 1, "warm": 0}})
	first := s.build(t, inline(moduletest.Loop())).start(t, nil)
	first.until(t, moduletest.Ready)
	h := s.build(t, inline(moduletest.Hello("x")))
	second := h.start(t, nil)
	proctest.Until(t, "its turn", func() bool { return second.event("queued") != nil })
	second.cancel(t)
	third := h.start(t, nil)
	proctest.Until(t, "its turn", func() bool { return third.event("queued") != nil })
	if third.begun() || len(workers(t)) != 1 {
		t.Error("an attempt has begun that is to wait")
	}
	first.cancel(t)
	third.finish(t).succeeded(t, "x")
}

// The worker that is being started never answers.
func TestCanceledWhileAWorkerLoads(t *testing.T) {
	s := newSubject(t, object{"workers": object{"warm": 0}})
	h := s.build(t, inline(moduletest.Hello("x")))
	h.run(t).succeeded(t, "x")
	stopped := make(map[int]bool)
	for range 20 { // it is a matter of luck whether the worker is caught before it is ready
		r := h.start(t, nil)
		proctest.Until(t, "a worker", func() bool {
			for _, pid := range workers(t) {
				if unix.Kill(pid, unix.SIGSTOP) == nil {
					stopped[pid] = true
					return true
				}
			}
			select {
			case <-r.done:
				return true
			default:
				return false
			}
		})
		r.stop(t, pluginv1.StopReason_STOP_REASON_CANCEL)
		r.finish(t)
	}
	for pid := range stopped {
		if proctest.Alive(pid) {
			t.Errorf("worker %d is left behind", pid)
		}
	}
	if left := list(t, s.runner.engine.temp.scratch.Path()); len(left) > 0 {
		t.Errorf("workers that were killed left %v", left)
	}
}

// The guest has ended, and what it wrote is handed on at its rate.
func TestCanceledWhileOutputIsPaced(t *testing.T) {
	s := newSubject(t, nil)
	r := s.build(t, inline(say(strings.Repeat("x", 200<<10)), output("1MiB", "1KiB", "block"))).start(t, nil)
	proctest.Until(t, "output", func() bool { return r.output() != "" })
	pid := r.pid(t)
	proctest.Until(t, "the guest's end", func() bool { return !proctest.Alive(pid) })
	began := time.Now()
	r.cancel(t)
	if took := time.Since(began); took > proctest.Patience/2 {
		t.Errorf("it took %v to end", took)
	}
	if n := len(r.output()); n != 200<<10 {
		t.Errorf("%d bytes came, want all", n)
	}
}

func TestCloseDuringAnAttempt(t *testing.T) {
	s, kills := newSubject(t, nil), kernelKills(t)
	looping := s.build(t, inline(moduletest.Loop())).start(t, nil)
	looping.until(t, moduletest.Ready)
	compiling := s.build(t, inline(slowToCompile())).start(t, nil)
	proctest.Until(t, "the compilation", func() bool { return len(children(t, "compile")) == 1 })
	if err := s.runner.Close(); err != nil {
		t.Error(err)
	}
	looping.finish(t).crashed(t, kills)
	compiling.finish(t).want(t, startFailed, false)
	h, err := s.tryBuild(t, inline(moduletest.Hello("x")), nil)
	if err != nil {
		t.Fatal(err)
	}
	h.run(t).want(t, startFailed, false, "closed")
	if n := len(workers(t)) + len(children(t, "compile")); n > 0 {
		t.Errorf("%d processes are left", n)
	}
	if err := s.runner.Configure(t.Context(), []byte(`{}`)); err == nil {
		t.Error("a closed runner took settings")
	}
}

func TestSettingsStayOnceATaskHasRun(t *testing.T) {
	s := newSubject(t, object{"workers": object{"warm": 1}})
	same := encode(t, with(s.settings(), object{"workers": object{"warm": 1}}))
	s.run(t, inline(moduletest.Hello("x"))).succeeded(t, "x")
	if err := s.runner.Configure(t.Context(), same); err != nil {
		t.Errorf("the same settings: %v", err)
	}
	if err := s.runner.Configure(t.Context(), []byte(`{"workers": {"warm": 3}}`)); err == nil {
		t.Error("other settings were taken")
	}
}
