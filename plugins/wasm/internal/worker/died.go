package worker

import "strings"

// OutOfMemory reports whether what a worker wrote to stderr before it exited with code 2 says that it had
// reached its limit of memory. Go's runtime says so; or it fails itself, on the stack of its own on which
// nothing else runs.
func OutOfMemory(stderr string) bool {
	for _, text := range []string{"out of memory", "cannot allocate memory"} {
		if strings.Contains(stderr, text) {
			return true
		}
	}
	return strings.HasPrefix(stderr, "SIGSEGV") && strings.Contains(stderr, "\ngoroutine 0 ")
}
