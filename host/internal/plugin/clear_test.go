package plugin

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/soltihq/solti-host/host/internal/fence"
)

// What a host has left behind that nobody starts again is cleared as the next host would; a host that
// is alive is left alone.
func TestClearKillsWhatIsLeftOfADeadHost(t *testing.T) {
	t.Parallel()
	b := prepare(t, map[string]Settings{"deaf": mode("deaf")}, func(o *Options) { o.RunDir = filepath.Join(o.StateDir, "run") })
	dir := b.opts.StateDir
	if err := Clear(t.Context(), dir); err != nil {
		t.Errorf("nothing was ever there: %v", err)
	}
	cmd := b.host()
	if err := Clear(t.Context(), dir); !errors.Is(err, fence.ErrLocked) {
		t.Fatalf("the host is alive: %v, want fence.ErrLocked", err)
	}
	if left := b.marked(); len(left) == 0 {
		t.Fatal("the processes of a host that is alive are gone")
	}
	var r launchRecord
	if err := readJSON(filepath.Join(dir, "plugins", "deaf", launchFile), &r); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	if left := b.marked(); len(left) == 0 {
		t.Fatal("nothing is left, so that this test shows nothing")
	}
	if err := Clear(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	if left := b.marked(); len(left) > 0 {
		t.Errorf("processes are left: %v", left)
	}
	if r.Cgroup != "" {
		if _, err := os.Stat(filepath.Dir(r.Cgroup)); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("the cgroup of the host is left: %v", err)
		}
	}
	if err := Clear(t.Context(), dir); err != nil {
		t.Errorf("again: %v", err)
	}
}
