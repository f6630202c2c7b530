package spawn

import (
	"bytes"
	"os"
	"strconv"
)

// oomKills returns how many processes the kernel has ever killed for want of memory, be it a cgroup's or the
// machine's; 0 if it does not say.
func oomKills() uint64 {
	text, err := os.ReadFile("/proc/vmstat")
	if err != nil {
		return 0
	}
	for line := range bytes.Lines(text) {
		if n, ok := bytes.CutPrefix(line, []byte("oom_kill ")); ok {
			kills, _ := strconv.ParseUint(string(bytes.TrimSpace(n)), 10, 64)
			return kills
		}
	}
	return 0
}
