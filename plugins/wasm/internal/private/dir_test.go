package private

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestOpenMakesADirectoryForItsOwnerOnly(t *testing.T) {
	path := filepath.Join(t.TempDir(), "above", "d")
	d, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = d.Close() }()
	if st, err := os.Stat(path); err != nil || st.Mode().Perm() != 0o700 {
		t.Errorf("mode %v, %v; want 0700", st.Mode(), err)
	}
}

func TestOpenRefusesUnsafeDirectories(t *testing.T) {
	base := t.TempDir()
	mkdir := func(name string, mode fs.FileMode) string {
		path := filepath.Join(base, name)
		if err := errors.Join(os.Mkdir(path, 0o700), os.Chmod(path, mode)); err != nil {
			t.Fatal(err)
		}
		return path
	}
	good := mkdir("good", 0o700)
	link := filepath.Join(base, "link")
	if err := os.Symlink(good, link); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(base, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	cases := map[string]struct{ path, want string }{
		"open to the group": {mkdir("group", 0o750), "mode 0750"},
		"open to others":    {mkdir("others", 0o701), "mode 0701"},
		"symlink":           {link, "symbolic link"},
		"file":              {file, "no directory"},
	}
	if os.Geteuid() == 0 {
		foreign := mkdir("foreign", 0o700)
		if err := os.Chown(foreign, 12345, -1); err != nil {
			t.Fatal(err)
		}
		cases["somebody else's"] = struct{ path, want string }{foreign, "uid 12345"}
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := Open(c.path)
			unsafe := (*UnsafeError)(nil)
			if !errors.As(err, &unsafe) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want an UnsafeError with %q", err, c.want)
			}
		})
	}
}

func TestOpenRefusesUnsafeFiles(t *testing.T) {
	d := newDir(t)
	at := func(name string) string { return filepath.Join(d.Path(), name) }
	put(t, d, "good", "text")
	put(t, d, "wide", "text")
	steps := []error{
		os.Symlink("good", at("link")), unix.Mkfifo(at("fifo"), 0o600), os.Mkdir(at("dir"), 0o700),
		os.Chmod(at("wide"), 0o644),
	}
	names := []string{"link", "fifo", "dir", "wide"}
	if os.Geteuid() == 0 {
		put(t, d, "foreign", "text")
		steps = append(steps, os.Chown(at("foreign"), 12345, -1))
		names = append(names, "foreign")
	}
	if err := errors.Join(steps...); err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		_, err := d.Open(name)
		if unsafe := (*UnsafeError)(nil); !errors.As(err, &unsafe) {
			t.Errorf("open %s: %v, want an UnsafeError", name, err)
		}
	}
	if _, err := d.Open("none"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("open what is not there: %v", err)
	}
	for _, name := range []string{"", ".", "..", "a/b", "../d/good", "a\x00"} {
		if _, err := d.Open(name); err == nil {
			t.Errorf("open %q: no error", name)
		}
		if err := d.Remove(name); err == nil {
			t.Errorf("remove %q: no error", name)
		}
		if err := d.Quarantine(name); err == nil {
			t.Errorf("quarantine %q: no error", name)
		}
	}
	file, err := d.Open("good")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	if text, err := io.ReadAll(file); err != nil || string(text) != "text" {
		t.Errorf("read %q, %v", text, err)
	}
}

// What happens to the path after Open does not matter.
func TestADirectoryStaysTheOneThatWasChecked(t *testing.T) {
	d := newDir(t)
	put(t, d, "a", "right")
	moved := d.Path() + "-moved"
	fake := d.Path() + "-fake"
	if err := errors.Join(os.Rename(d.Path(), moved), os.Mkdir(fake, 0o700), os.Symlink(fake, d.Path()),
		os.WriteFile(filepath.Join(fake, "a"), []byte("wrong"), 0o400)); err != nil {
		t.Fatal(err)
	}
	file, err := d.Open("a")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	if text, _ := io.ReadAll(file); string(text) != "right" {
		t.Errorf("read %q", text)
	}
	put(t, d, "b", "")
	if names := ls(t, moved); len(names) != 2 {
		t.Errorf("the checked directory holds %q", names)
	}
}

func TestQuarantineMovesAnythingAndKeepsAFew(t *testing.T) {
	d := newDir(t)
	for range 3 * quarantineKeep {
		put(t, d, "bad", "x")
		if err := d.Quarantine("bad"); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(os.Mkdir(filepath.Join(d.Path(), "dir"), 0o700),
		os.WriteFile(filepath.Join(d.Path(), "dir", "x"), nil, 0o600),
		os.Symlink("/etc/passwd", filepath.Join(d.Path(), "link"))); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"dir", "link", "none"} {
		if err := d.Quarantine(name); err != nil {
			t.Errorf("quarantine %s: %v", name, err)
		}
	}
	if names := ls(t, d.Path()); len(names) != 1 || names[0] != quarantineName {
		t.Errorf("left: %q", names)
	}
	kept := ls(t, filepath.Join(d.Path(), quarantineName))
	if len(kept) != quarantineKeep || !strings.HasSuffix(kept[len(kept)-1], "-link") {
		t.Errorf("kept %q, want the newest %d", kept, quarantineKeep)
	}
}
