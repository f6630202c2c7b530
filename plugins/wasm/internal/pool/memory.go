package pool

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
)

// assumed is what an idle worker is taken to cost where the kernel does not tell.
const assumed = 8 << 20

// proportional returns how many bytes of memory a process takes, what it shares divided by those who do.
func proportional(pid int) int64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		return assumed
	}
	for line := range bytes.Lines(text) {
		rest, ok := bytes.CutPrefix(line, []byte("Pss:"))
		if !ok {
			continue
		}
		fields := bytes.Fields(rest)
		if len(fields) == 2 {
			if kib, err := strconv.ParseInt(string(fields[0]), 10, 64); err == nil {
				return kib << 10
			}
		}
	}
	return assumed
}
