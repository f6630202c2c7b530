package plugin

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/soltihq/solti-host/host/task"
)

func TestShortages(t *testing.T) {
	for err, want := range map[error]bool{
		fmt.Errorf("record the launch: %w", &os.PathError{Op: "write", Path: "x", Err: syscall.ENOSPC}): true,
		syscall.EMFILE:                true,
		errors.New("status 3"):        false,
		fmt.Errorf("%w", os.ErrExist): false,
	} {
		if got := isShortage(err); got != want {
			t.Errorf("%v: %v", err, got)
		}
	}
}

// What cannot be launched for want of room is tried again and again, and never quarantined for it.
func TestAFullDiskIsNotThePluginsFault(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("mounting a small file system needs root")
	}
	t.Parallel()
	disk := t.TempDir()
	if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, "size=1m"); err != nil {
		t.Skipf("a small file system cannot be mounted here: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(disk, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	ballast := filepath.Join(disk, "ballast")
	b := newSet(t, map[string]Settings{"good": {}}, func(o *Options) {
		o.StateDir = disk
		o.Timing.Crash = CrashPolicy{Quarantine: 1, First: 10 * time.Millisecond, Max: 10 * time.Millisecond}
		if err := os.MkdirAll(filepath.Join(disk, "plugins", "good", dataDir), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(disk, "plugins", "host.lock"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		full(t, ballast)
	})
	b.await("good", "in backoff", isState(task.PluginBackoff))
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	works(t, b.awaitReady("good"))
}

// full writes a file until nothing more fits.
func full(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for block := make([]byte, 64<<10); len(block) > 0; {
		if _, err := f.Write(block); errors.Is(err, syscall.ENOSPC) {
			block = block[:len(block)/2]
		} else if err != nil {
			t.Fatal(err)
		}
	}
}
