package proctest

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// WithoutRace runs tests of its caller's package once more, in a binary without the race detector and without cgo, as a
// release is built. Each has to be there and to pass, or to be skipped for what the machine lacks. A subtest is named as
// go test prints it. Where the race detector is off they run anyway, so nothing is done.
func WithoutRace(t *testing.T, tests ...string) {
	t.Helper()
	switch {
	case !Raced:
		t.Skip("the race detector is off: they are run as they are")
	case testing.Short():
		t.Skip("builds the tests once more")
	}
	patterns := make([]string, len(tests))
	for i, name := range tests {
		patterns[i] = "^" + strings.ReplaceAll(name, "/", "$/^") + "$"
	}
	cmd := exec.CommandContext(t.Context(), "go", "test", "-count=1", "-v", "-run", strings.Join(patterns, "|"), ".")
	cmd.Env = append(os.Environ(), "GOFLAGS=", "CGO_ENABLED=0")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, name := range tests {
		if text := string(out); !strings.Contains(text, "--- PASS: "+name+" (") && !strings.Contains(text, "--- SKIP: "+name+" (") {
			t.Errorf("%s was not run:\n%s", name, out)
		}
	}
}
