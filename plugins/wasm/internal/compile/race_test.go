//go:build race

package compile

import (
	"os"
	"os/exec"
	"testing"
)

// raced says that the race detector is on: it needs gigabytes of data of its own.
const raced = true

// What cannot be tested with the race detector is tested without it.
func TestWithoutTheRaceDetector(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the tests once more")
	}
	cmd := exec.CommandContext(t.Context(), "go", "test", "-count=1", "-run", "TestAMemoryBomb|TestCodeFromTheCache|TestAChildThatFails/fatal|TestAChildReachesNothing", ".")
	cmd.Env = append(os.Environ(), "GOFLAGS=", "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
