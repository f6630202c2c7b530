package runner

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/soltihq/solti-host/plugins/wasm/internal/moduletest"
	"github.com/soltihq/solti-host/plugins/wasm/internal/proctest"
)

func list(t testing.TB, dir string) []os.DirEntry {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	return entries
}

func TestCodeIsKeptOverARestart(t *testing.T) {
	state := t.TempDir()
	module := moduletest.CompileBomb(50)
	first := newSubjectIn(t, state, nil)
	r := first.run(t, inline(module))
	r.want(t, succeeded, false)
	if got := r.fact("code"); got != "compiler" || r.event("compiling") == nil {
		t.Errorf("the first time its code is from %s", got)
	}
	// A limit of memory is no reason to compile again.
	smaller := first.run(t, inline(module, object{"limits": object{"memory": "1MiB"}}))
	if got := smaller.fact("code"); got != "cache" {
		t.Errorf("with less memory its code is from %s", got)
	}
	first.close(t)

	second := newSubjectIn(t, state, nil)
	for _, want := range []string{"cache", "memory"} {
		r := second.run(t, inline(module))
		r.want(t, succeeded, false)
		if got := r.fact("code"); got != want || r.event("compiling") != nil {
			t.Errorf("after a restart its code is from %s, want %s", got, want)
		}
	}
	stats, _ := second.runner.engine.studio.Stats()
	if stats.Corrupt > 0 || stats.WriteErrors > 0 {
		t.Errorf("the cache says %+v", stats)
	}
	second.close(t)
	if left := list(t, filepath.Join(state, "wasm/temp")); len(left) > 0 {
		t.Errorf("left in temp: %v", left)
	}
	if left := list(t, filepath.Join(state, "wasm/scratch")); len(left) > 0 {
		t.Errorf("left in scratch: %v", left)
	}
}

func TestFastIsInterpretedUntilItIsCompiled(t *testing.T) {
	s := newSubject(t, nil)
	spec := inline(moduletest.Hello("fast"), object{"start": "fast"})
	h := s.build(t, spec)
	r := h.run(t)
	r.succeeded(t, "fast")
	if r.fact("engine") != "interpreter" || r.fact("code") != "none" {
		t.Errorf("the first time it is run by the %s with code from %s", r.fact("engine"), r.fact("code"))
	}
	proctest.Until(t, "native code", func() bool {
		r := h.run(t)
		r.succeeded(t, "fast")
		return r.fact("engine") == "compiler"
	})
}

// What is slow or impossible to compile is not tried with every attempt.
func TestFastGivesUpWhatCannotBeCompiled(t *testing.T) {
	if proctest.Raced {
		t.Skip("limits of memory do not hold with the race detector")
	}
	s := newSubject(t, object{"compile": object{"memory": "128MiB"}})
	h := s.build(t, inline(moduletest.BranchBomb(8000), object{"start": "fast"}))
	h.run(t).want(t, succeeded, false)
	proctest.Until(t, "the end of the compilation", func() bool { return s.values(t)["compile_seconds_count result=failed"] == 1 })
	for range 3 {
		r := h.run(t)
		r.want(t, succeeded, false)
		if r.fact("engine") != "interpreter" {
			t.Errorf("it is run by the %s", r.fact("engine"))
		}
		if n := len(children(t, "compile")); n > 0 {
			t.Errorf("it is compiled once more")
		}
	}
}

func TestNothingStaysOpen(t *testing.T) {
	s := newSubject(t, object{"workers": object{"warm": 0}})
	handles := []handle{
		s.build(t, inline(moduletest.Hello("x"), object{"stdin": "y"})),
		s.build(t, inline(moduletest.Hello("x"), reused)),
		s.build(t, inline(moduletest.Trap("unreachable"))),
		s.build(t, inline(moduletest.Hello("x"), object{"entryPoint": "none"})),
	}
	round := func() {
		for _, h := range handles {
			h.run(t)
		}
		r := s.build(t, inline(moduletest.Loop())).start(t, nil)
		r.until(t, moduletest.Ready)
		r.cancel(t)
	}
	for range 3 {
		round()
	}
	before := proctest.Descriptors(t)
	for range 10 {
		round()
	}
	proctest.Until(t, "as many descriptors as before", func() bool { return proctest.Descriptors(t) <= before+3 })
}
