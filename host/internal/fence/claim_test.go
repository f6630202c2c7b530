package fence

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

func TestClaimIsOfTheDirectoryThatHasTheName(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "d")
	if _, err := Claim(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing: %v, want fs.ErrNotExist", err)
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	first, err := Claim(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Claim(dir); !errors.Is(err, ErrLocked) {
		t.Errorf("claimed: %v, want ErrLocked", err)
	}
	if err := os.Symlink(dir, dir+".link"); err != nil {
		t.Fatal(err)
	}
	if l, err := Claim(dir + ".link"); err == nil {
		t.Error("a symlink was claimed")
		_ = l.Close()
	}

	// Somebody removes the directory before it is claimed, and it is made anew.
	if err := os.Rename(dir, dir+".old"); err != nil {
		t.Fatal(err)
	}
	if err := stillOurs(first.File); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("removed: %v, want fs.ErrNotExist", err)
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := stillOurs(first.File); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("made anew: %v, want fs.ErrNotExist", err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestClaimLeavesOtherUsersAlone(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can give a directory away")
	}
	dir := filepath.Join(t.TempDir(), "d")
	if err := errors.Join(os.Mkdir(dir, 0o755), os.Chown(dir, 65534, 65534)); err != nil {
		t.Fatal(err)
	}
	if l, err := Claim(dir); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("%v, want fs.ErrPermission", err)
		if err == nil {
			_ = l.Close()
		}
	}
}

func TestAwaitLockHasPatience(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	held, err := TryLock(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := AwaitLock(path); !errors.Is(err, ErrLocked) {
		t.Errorf("held for good: %v, want ErrLocked", err)
	}
	go func() { _ = held.Close() }()
	l, err := AwaitLock(path)
	if err != nil {
		t.Fatal(err)
	}
	_ = l.Close()
}
