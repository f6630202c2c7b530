package fsys

import (
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"
)

// A place outside is where a guest must not come.
type bundle struct {
	root            *Node
	inside, outside string // directories of the host
	denied          atomic.Uint64
}

// setup makes a mount with a file "file", a directory "dir" in it, and a secret outside.
func setup(t *testing.T, m Mount) *bundle {
	t.Helper()
	top := t.TempDir()
	b := &bundle{inside: filepath.Join(top, "inside"), outside: filepath.Join(top, "outside")}
	for _, dir := range []string{b.inside, b.outside, filepath.Join(b.inside, "dir")} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	write(t, filepath.Join(b.outside, "secret"), "secret")
	write(t, filepath.Join(b.inside, "file"), "content")
	fd, err := unix.Open(b.inside, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	m.Dir, m.Guest = fd, "/"
	tree, err := New([]Mount{m}, Options{Open: 8, Denied: &b.denied})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(tree.Close)
	b.root = tree.Roots()[0]
	return b
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// open opens a path of the mount, and closes it at the test's end.
func (b *bundle) open(t *testing.T, path string, o Open) *Node {
	t.Helper()
	n, err := b.root.Open(path, o)
	if err != nil {
		t.Fatalf("open %s: %v", path, err)
	}
	return n
}

func want(t *testing.T, what string, got, want error) {
	t.Helper()
	if got != want { //nolint:errorlint // errors of this package are numbers, never wrapped
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}
