package launch

import (
	"strings"
	"sync"
)

// maxTail bounds the last words that are kept of a process, in bytes.
const maxTail = 4 << 10

// A tail keeps the last lines of a process's standard error.
type tail struct {
	mu    sync.Mutex
	lines []string // guarded by mu; escaped
	size  int      // guarded by mu; bytes in lines
}

func (t *tail) add(line string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.lines = append(t.lines, line)
	t.size += len(line) + 1
	drop := 0
	for t.size > maxTail && drop < len(t.lines)-1 {
		t.size -= len(t.lines[drop]) + 1
		drop++
	}
	t.lines = append(t.lines[:0], t.lines[drop:]...)
}

// String returns the lines, oldest first.
func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.Join(t.lines, "\n")
}
