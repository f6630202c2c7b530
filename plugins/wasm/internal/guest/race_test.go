//go:build race

package guest

import (
	"os"
	"os/exec"
	"testing"
)

// raced says that the race detector is on.
const raced = true

// What the race detector has no time for is tested without it.
func TestWithoutTheRaceDetector(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the tests once more")
	}
	cmd := exec.CommandContext(t.Context(), "go", "test", "-count=1", "-run", "TestFormsOfPrograms", ".")
	cmd.Env = append(os.Environ(), "GOFLAGS=")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
