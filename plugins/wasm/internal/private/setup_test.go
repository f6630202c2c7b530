package private

import (
	"io"
	"os"
	"path/filepath"
	"testing"
)

func newDir(t *testing.T) *Dir {
	t.Helper()
	d, err := Open(filepath.Join(t.TempDir(), "d"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	return d
}

// put makes a complete file.
func put(t *testing.T, d *Dir, name, text string) {
	t.Helper()
	draft, err := d.Create()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(draft, text); err != nil {
		t.Fatal(err)
	}
	if err := draft.Commit(name, false); err != nil {
		t.Fatal(err)
	}
}

// ls lists all that the directory holds.
func ls(t *testing.T, path string) []string {
	t.Helper()
	entries, err := os.ReadDir(path)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}
