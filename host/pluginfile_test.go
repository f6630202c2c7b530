package host_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/soltihq/solti-host/host"
	"github.com/soltihq/solti-host/host/task"
)

func TestPluginFileIsOneThatAHostWouldStart(t *testing.T) {
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o755); err != nil { //nolint:gosec // as plugins directories are
		t.Fatal(err)
	}
	for name, mode := range map[string]os.FileMode{"good": 0o755, "open": 0o777, "flat": 0o644} {
		path := filepath.Join(dir, "solti-runner-"+name)
		if err := os.WriteFile(path, []byte("#!/bin/true\n"), mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil { // whatever the umask
			t.Fatal(err)
		}
	}
	o := host.Options{PluginDir: dir}
	if path, err := host.PluginFile(o, "good"); err != nil || filepath.Base(path) != "solti-runner-good" {
		t.Errorf("got %q, %v", path, err)
	}
	for name, want := range map[string]string{"open": "writ", "flat": "execut", "none": "no file solti-runner-none"} {
		if path, err := host.PluginFile(o, name); !errors.Is(err, task.ErrNoRunner) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %q, %v; want it to say %q", name, path, err, want)
		}
	}
	for _, o := range []host.Options{{}, {PluginDir: dir + "/none"}} {
		if path, err := host.PluginFile(o, "good"); !errors.Is(err, task.ErrNoRunner) {
			t.Errorf("got %q, %v", path, err)
		}
	}
}
