package compile

import (
	"fmt"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/soltihq/solti-host/plugins/wasm/internal/spawn"
)

// failure returns what a child's end says, if it did not end well.
func (l Limits) failure(exit spawn.Exit, checking bool) error {
	cpu := (l.CPU + time.Second - 1) / time.Second * time.Second
	switch {
	case exit.Code == 0:
		return nil
	case exit.SpentCPU(cpu):
		return &LimitError{LimitCPU, cpu.String(), checking}
	case exit.OutOfMemory():
		return &LimitError{LimitData, human(l.Data), checking}
	case exit.Code > 0 && strings.Contains(exit.Stderr, "SIGXFSZ"):
		return &LimitError{LimitFile, human(l.File), checking}
	default:
		return &CrashError{exit.String(), exit.Stderr}
	}
}

// judge returns what a child's report says, if it is not good.
func (l Limits) judge(r *report, checking bool) error {
	switch {
	case len(r.Refused) > 0:
		return &RefusedError{Reasons: r.Refused, Facts: r.Facts}
	case strings.Contains(r.Failure, unix.EFBIG.Error()):
		return &LimitError{LimitFile, human(l.File), checking}
	case spawn.OutOfMemory(r.Failure):
		return &LimitError{LimitData, human(l.Data), checking}
	case r.Failure != "":
		return &CrashError{"it could not go on", r.Failure}
	case r.Facts == nil:
		return &CrashError{"it could not go on", "its report is empty"}
	}
	return nil
}

// human writes a size as people do.
func human(n int64) string {
	for _, unit := range []struct {
		size int64
		name string
	}{{1 << 30, "GiB"}, {1 << 20, "MiB"}, {1 << 10, "KiB"}} {
		if n >= unit.size && n%unit.size == 0 {
			return fmt.Sprintf("%d %s", n/unit.size, unit.name)
		}
	}
	return fmt.Sprintf("%d bytes", n)
}
