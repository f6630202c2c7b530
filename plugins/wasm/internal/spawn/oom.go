package spawn

import (
	"bytes"
	"os"
	"strconv"
	"sync"
	"time"
)

// tallyFor is how long a tally is as good as a new one.
const tallyFor = time.Second

// A tally is how often the kernel had killed for want of memory a moment ago. Asking takes it longer than is worth while
// for each of many children.
type tally struct {
	mu    sync.Mutex
	kills uint64    // guarded by mu
	at    time.Time // guarded by mu
}

// recent returns what ask says, or said not long ago.
func (t *tally) recent(ask func() uint64) uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	if now := time.Now(); now.Sub(t.at) > tallyFor {
		t.kills, t.at = ask(), now
	}
	return t.kills
}

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
