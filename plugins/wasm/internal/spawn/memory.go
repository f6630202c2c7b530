package spawn

import "strings"

// OutOfMemory reports whether a child in Go ended because it got no more memory, or was killed by the kernel
// for having it.
func (e Exit) OutOfMemory() bool { return e.OOMKilled || e.Code == 2 && OutOfMemory(e.Stderr) }

// OutOfMemory reports whether a Go program's last words are that it got no more memory: the runtime says so;
// or it fails itself, on the stack of its own on which nothing else runs, because it did not look whether it
// got what it had asked for.
func OutOfMemory(words string) bool {
	for _, text := range []string{"out of memory", "cannot allocate memory", "failed to create new OS thread"} {
		if strings.Contains(words, text) {
			return true
		}
	}
	return strings.HasPrefix(words, "SIGSEGV") && strings.Contains(words, "\ngoroutine 0 ")
}
