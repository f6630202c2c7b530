package spawn

import "testing"

func TestLastWordsOfWhoGotNoMemory(t *testing.T) {
	for words, want := range map[string]bool{
		"fatal error: runtime: out of memory":                                true,
		"mmap: cannot allocate memory":                                       true,
		"SIGSEGV: segmentation violation\n\ngoroutine 0 [idle]:":             true,
		"SIGSEGV: segmentation violation\n\ngoroutine 1 [running]:":          false,
		"runtime: failed to create new OS thread (have 4 already; errno=12)": true,
		"runtime: failed to create new OS thread (have 4 already; errno=11)\nruntime: may need to increase max user processes (ulimit -u)": false,
		"": false,
	} {
		if got := (Exit{Code: 2, Stderr: words}).OutOfMemory(); got != want {
			t.Errorf("%q: %v, want %v", words, got, want)
		}
	}
}
