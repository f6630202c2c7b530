package runner

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/soltihq/solti-host/plugins/wasm/internal/moduletest"
	"github.com/soltihq/solti-host/plugins/wasm/internal/proctest"
)

// bare is a command without memory, which therefore leaves no trace in figures: it neither grows nor opens
// nor writes anything.
func bare(body moduletest.Code, start bool) []byte {
	var m moduletest.Module
	m.Table(moduletest.Funcref, moduletest.Limits{Min: 1})
	f := m.Func(nil, nil, nil, body)
	if start {
		m.Start(f)
		f = m.Func(nil, nil, nil, "")
	}
	m.Export("_start", f)
	return m.Bytes()
}

func TestGuestsThatLeaveNoTraceAreNotRunAgain(t *testing.T) {
	s, kills := newSubject(t, nil), kernelKills(t)
	for _, start := range []bool{false, true} { // start functions are the guest's as well
		r := s.run(t, inline(bare(moduletest.Forever(""), start), object{"limits": object{"cpu": "50ms"}}))
		r.want(t, failed, false, "cpu limit", "50ms")
		notAgain(t, r)
		r = s.build(t, inline(bare(moduletest.Forever(""), start))).start(t, nil)
		proctest.Until(t, "Started", r.begun)
		pid := r.pid(t)
		before := ticks(t, pid)
		proctest.Until(t, "the guest to take processor time", func() bool { return ticks(t, pid) > before+10 })
		kill(t, pid, unix.SIGKILL)
		r.finish(t).crashed(t, kills)
		notAgain(t, r)
	}
	if proctest.Raced {
		return // workers have more memory than there is
	}
	grow := moduletest.Forever(moduletest.NullFunc + moduletest.I32Const(1<<20) + moduletest.TableGrow(0) + moduletest.Drop)
	r := s.run(t, inline(bare(grow, false), object{"limits": object{"memory": "16MiB"}}))
	r.want(t, oomKilled, true, "16MiB")
	notAgain(t, r)
}

func notAgain(t *testing.T, r *record) {
	t.Helper()
	if e := r.event("workerReplaced"); e != nil {
		t.Errorf("a guest that had begun was begun again: %s", e.Message)
	}
}

// ticks returns the processor time of a process in hundredths of a second.
func ticks(t *testing.T, pid int) (spent uint64) {
	t.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	if _, err := fmt.Sscan(strings.Fields(rest)[11], &spent); err != nil {
		t.Fatal(err)
	}
	return spent
}
