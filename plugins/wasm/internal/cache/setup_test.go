package cache

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"

	"github.com/soltihq/solti-host/plugins/wasm/internal/content"
	"github.com/soltihq/solti-host/plugins/wasm/internal/memfile"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var secret = [32]byte{1, 2, 3}

const entryName = "wazero-v1.12.0-amd64-linux/0123456789abcdef"

func keyOf(module string) Key {
	return Key{content.Of([]byte(module)), "v1.12.0", "build", "amd64", "avx2", ""}
}

func newCache(t *testing.T, o Options) (*Cache, string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "cache")
	return openCache(t, dir, o), dir
}

func openCache(t *testing.T, dir string, o Options) *Cache {
	t.Helper()
	c, err := Open(dir, secret, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// put puts and closes.
func put(t *testing.T, c *Cache, k Key, data []byte) {
	t.Helper()
	file, err := memfile.Of("native", data)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	e, err := c.Put(k, NamedFile{entryName, file})
	if err != nil {
		t.Fatal(err)
	}
	check(t, e, data)
}

// check wants an entry to hold the data, sealed, and closes it.
func check(t *testing.T, e *Entry, data []byte) {
	t.Helper()
	got, err := io.ReadAll(io.NewSectionReader(e.File(), 0, e.Size()+1))
	if err != nil || !bytes.Equal(got, data) {
		t.Errorf("%d bytes, %v; want the %d that were put", len(got), err, len(data))
	}
	if !memfile.Sealed(e.File()) || e.Name() != entryName || e.Size() != int64(len(data)) {
		t.Errorf("sealed %v, name %q, size %d", memfile.Sealed(e.File()), e.Name(), e.Size())
	}
	if _, err := e.File().WriteAt([]byte{0}, 0); err == nil {
		t.Error("the entry can be written to")
	}
	_ = e.Close()
	_ = e.Close()
}

// fileOf returns the file that the cache has for the key.
func fileOf(dir string, k Key) string { return filepath.Join(dir, code.file(k)) }

// rewrite changes a file where it is, and leaves it its mode.
func rewrite(t *testing.T, path string, change func(data []byte) []byte) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, change(data), 0o400); err != nil {
		t.Fatal(err)
	}
}
