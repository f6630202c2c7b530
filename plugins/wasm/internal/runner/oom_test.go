package runner

import (
	"os"
	"strings"
	"testing"

	"github.com/soltihq/solti-host/plugins/wasm/internal/moduletest"
	"github.com/soltihq/solti-host/plugins/wasm/internal/proctest"
)

// What else runs may be the reason, so another attempt may end well.
func TestAKillForWantOfMemoryIsToldAndNotFinal(t *testing.T) {
	if proctest.Raced {
		t.Skip("the race detector needs more memory than the limit allows")
	}
	put := proctest.Cramped(t)
	s := newSubject(t, object{"workers": object{"warm": 1}})
	h := s.build(t, inline(moduletest.Fill(200<<20)))
	first := h.start(t, nil)
	first.until(t, moduletest.Ready)
	first.cancel(t)
	for range 5 {
		s.warm(t, 1)
		for _, pid := range workers(t) {
			put(pid)
		}
		h.run(t).want(t, oomKilled, false, "by the kernel for want of memory", "limit is 256MiB")
	}
}

// kernelKills is what the kernel says of how often it has killed for want of memory.
func kernelKills(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("/proc/vmstat")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "oom_kill ")
	kills, _, _ := strings.Cut(rest, "\n")
	return kills
}

// crashed checks that the attempt's worker, which the test has killed, is told to have crashed. Where the kernel
// has killed for want of memory since it was asked, nobody can tell.
func (r *record) crashed(t *testing.T, kills string, texts ...string) {
	t.Helper()
	if kernelKills(t) == kills {
		r.want(t, failed, false, append(texts, "the worker crashed")...)
	}
}
