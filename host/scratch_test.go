package host_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/soltihq/solti-host/host"
)

// A temporary state directory that nobody alive has claimed goes with the next host; one that is in
// use, and what only looks like one, stays.
func TestNextHostRemovesTemporaryState(t *testing.T) {
	tmp, err := os.MkdirTemp("", "tmp") //nolint:usetesting // t.TempDir would make the sockets' paths too long
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(tmp) })
	t.Setenv("TMPDIR", tmp)
	used, remove, err := host.TempStateDir()
	if err != nil {
		t.Fatal(err)
	}
	left, file, other := filepath.Join(tmp, "solti-run-1"), filepath.Join(tmp, "solti-run-2"), filepath.Join(tmp, "solti-other")
	err = errors.Join(os.MkdirAll(filepath.Join(left, "output"), 0o700), os.WriteFile(file, nil, 0o600), os.Mkdir(other, 0o700))
	if err != nil {
		t.Fatal(err)
	}
	h, err := host.New(host.Options{PluginDir: plugins})
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	for path, stays := range map[string]bool{used: true, left: false, file: true, other: true} {
		if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) == stays {
			t.Errorf("%s stays: %t, want %t", filepath.Base(path), !stays, stays)
		}
	}
	if err := remove(); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(tmp)
	if err != nil || len(entries) != 2 {
		t.Errorf("left are %v, %v", entries, err)
	}
}
