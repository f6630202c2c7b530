package private

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func TestScratchGoesWithItsUser(t *testing.T) {
	d := newDir(t)
	fill := func(s *Scratch) {
		t.Helper()
		if err := errors.Join(os.MkdirAll(filepath.Join(s.Path(), "a", "b"), 0o700), os.WriteFile(filepath.Join(s.Path(), "a", "f"), nil, 0o600),
			os.Symlink(d.Path(), filepath.Join(s.Path(), "link"))); err != nil {
			t.Fatal(err)
		}
	}
	living, err := d.Scratch()
	if err != nil {
		t.Fatal(err)
	}
	fill(living)
	dead, err := d.Scratch()
	if err != nil {
		t.Fatal(err)
	}
	fill(dead)
	_ = dead.Close() // as the kernel does for a process that was killed
	put(t, d, "kept", "")
	if err := d.Sweep(); err != nil {
		t.Fatal(err)
	}
	if names := ls(t, d.Path()); len(names) != 2 || names[0] != living.name || names[1] != "kept" {
		t.Errorf("left %q", names)
	}
	if err := living.Discard(); err != nil {
		t.Fatal(err)
	}
	if names := ls(t, d.Path()); len(names) != 1 {
		t.Errorf("left %q", names)
	}
}
