package spawn

import "strings"

// OutOfMemory reports whether a child in Go ended because its own limits gave it no more memory. Another one would end
// as well, which is not so of one that was OOMKilled.
func (e Exit) OutOfMemory() bool { return e.Code == 2 && OutOfMemory(e.Stderr) }

// OutOfMemory reports whether a Go program's last words are that it got no more memory: the runtime says so;
// or it fails itself, on the stack of its own on which nothing else runs, because it did not look whether it
// got what it had asked for. That no thread can be started may also be for want of processes, which is errno 11.
func OutOfMemory(words string) bool {
	for _, text := range []string{"out of memory", "cannot allocate memory"} {
		if strings.Contains(words, text) {
			return true
		}
	}
	if strings.Contains(words, "failed to create new OS thread") {
		return !strings.Contains(words, "errno=11)")
	}
	return strings.HasPrefix(words, "SIGSEGV") && strings.Contains(words, "\ngoroutine 0 ")
}
