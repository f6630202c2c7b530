package runner

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/soltihq/solti-host/plugins/wasm/internal/moduletest"
	"github.com/soltihq/solti-host/plugins/wasm/internal/proctest"
)

// aComponent is the beginning of one, which is enough to refuse it.
const aComponent = "\x00asm\x0d\x00\x01\x00"

// compiling starts an attempt and waits until its module is being compiled.
func (h handle) compiling(t *testing.T) *record {
	t.Helper()
	r := h.start(t, nil)
	proctest.Until(t, "the compilation", func() bool { return len(children(t, "compile")) == 1 })
	return r
}

// still checks that the attempt has not ended.
func (r *record) still(t *testing.T, than string) {
	t.Helper()
	select {
	case <-r.done:
		t.Errorf("%s waited for the slow module: %s", than, r.describe())
	default:
	}
}

func TestASlowModuleStopsNoOther(t *testing.T) {
	s := newSubject(t, object{"compile": object{"atOnce": 1}, "workers": object{"warm": 0}})
	known := moduletest.Hello("known")
	s.run(t, inline(known)).succeeded(t, "known")
	slow := s.build(t, inline(slowToCompile())).compiling(t)

	r := s.run(t, inline(known, object{"limits": object{"memory": "1MiB"}}))
	r.succeeded(t, "known")
	slow.still(t, "a module that is known under another limit")
	if r.fact("code") != "cache" {
		t.Errorf("its code is from %s", r.fact("code"))
	}
	s.run(t, inline([]byte(aComponent))).want(t, startFailed, true, "component")
	slow.still(t, "a refusal")
	s.run(t, inline(moduletest.Hello("cold"))).succeeded(t, "cold")
	slow.still(t, "a small module")
	s.run(t, inline(moduletest.Hello("new"), object{"start": "fast"})).succeeded(t, "new")
	slow.still(t, "an interpreted module")
	slow.cancel(t)
}

// What no time is enough for is not tried again.
func TestABombIsRefusedForGood(t *testing.T) {
	s := newSubject(t, object{"compile": object{"cpu": "1s"}, "workers": object{"warm": 0}})
	s.run(t, inline(slowToCompile())).want(t, startFailed, true, "compiling the module took more than 1s of processor time")
}

// Whatever keeps the compiler busy, also the module's own compilation.
func TestFastDoesNotWaitForTheCompiler(t *testing.T) {
	s := newSubject(t, object{"compile": object{"atOnce": 1}, "workers": object{"warm": 0}})
	slow := s.build(t, inline(slowToCompile())).compiling(t)
	h := s.build(t, inline(slowToCompile(), object{"start": "fast"}))
	for range 2 {
		r := h.run(t)
		r.want(t, succeeded, false)
		if r.fact("engine") != "interpreter" || r.event("compiling") != nil {
			t.Errorf("it was run by the %s", r.fact("engine"))
		}
	}
	slow.still(t, "who was to be interpreted")
	if n := len(children(t, "compile")); n != 1 {
		t.Errorf("there are %d compilations of one module", n)
	}
	slow.cancel(t)
}

// The compilation that the attempt begins is held up until the attempt is over.
func TestFastUsesTheCodeThatWasMadeMeanwhile(t *testing.T) {
	s := newSubject(t, object{"workers": object{"warm": 0}})
	n := 1000
	if proctest.Raced {
		n = 200
	}
	h := s.build(t, inline(moduletest.BranchBomb(n), object{"start": "fast"}))
	r := h.start(t, nil)
	var pid int
	proctest.Until(t, "the compilation", func() bool {
		for _, pid = range children(t, "compile") {
			return unix.Kill(pid, unix.SIGSTOP) == nil
		}
		return false
	})
	r.finish(t).want(t, succeeded, false)
	if !proctest.Alive(pid) || r.fact("engine") != "interpreter" {
		t.Errorf("it was run by the %s", r.fact("engine"))
	}
	if err := unix.Kill(pid, unix.SIGCONT); err != nil {
		t.Error(err)
	}
	proctest.Until(t, "native code", func() bool {
		r := h.run(t)
		r.want(t, succeeded, false)
		return r.fact("engine") == "compiler"
	})
}

// Who finds no room in the queue may come again.
func TestTooManyWaitToBeCompiled(t *testing.T) {
	s := newSubject(t, object{"compile": object{"atOnce": 1, "queue": 1}})
	start := func(n int) *record { return s.build(t, inline(moduletest.BranchBomb(8000+n))).start(t, nil) }
	slow := []*record{start(0), start(1)} // in an ordinary place and in a quick one
	proctest.Until(t, "two compilations", func() bool { return len(children(t, "compile")) == 2 })
	last := []*record{start(2), start(3)} // one of them may wait
	select {
	case <-last[0].done:
	case <-last[1].done:
		last[0], last[1] = last[1], last[0]
	case <-time.After(proctest.Patience):
		t.Fatal("all of them wait")
	}
	last[0].finish(t).want(t, startFailed, false, "compile.queue")
	for _, r := range append(slow, last[1]) {
		r.cancel(t)
	}
	s.run(t, inline(moduletest.Hello("on"))).succeeded(t, "on")
}
