package worker_test

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"sync"
	"testing"

	"github.com/soltihq/solti-host/plugins/wasm/internal/moduletest"
	"github.com/soltihq/solti-host/plugins/wasm/internal/proctest"
	"github.com/soltihq/solti-host/plugins/wasm/internal/wire"
)

var pss = regexp.MustCompile(`(?m)^Pss: +(\d+) kB`)

// pssOf returns the proportional share of memory of a process in KiB.
func pssOf(t *testing.T, pid int) int {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		t.Skip(err)
	}
	n, _ := strconv.Atoi(string(pss.FindSubmatch(b)[1]))
	return n
}

func TestSleepersAreSmall(t *testing.T) {
	within(t)
	const many = 20
	i := compiled(t, moduletest.Sleep())
	var wg sync.WaitGroup
	subjects := make([]*subject, many)
	for k := range subjects {
		s := loaded(t, i.load(wire.Load{NoMounts: true}))
		subjects[k] = s
		out := &record{arrived: make(chan struct{})}
		wg.Go(func() {
			if _, err := s.Run(wire.Job{}, out, wire.Limit{}); !errors.Is(err, wire.ErrGone) {
				t.Error(err)
			}
		})
		<-out.arrived
	}
	sum := 0
	for _, s := range subjects {
		sum += pssOf(t, s.cmd.Process.Pid)
	}
	t.Logf("a sleeper has %d KiB", sum/many)
	if most := 2 << 10; !proctest.Raced && sum/many > most {
		t.Errorf("a sleeper has %d KiB, want at most %d", sum/many, most)
	}
	for _, s := range subjects {
		_ = s.cmd.Process.Kill()
	}
	wg.Wait()
}
