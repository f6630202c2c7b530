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

const (
	entryName = "wazero-v1.12.0-amd64-linux/0123456789abcdef"
	shellName = "wazero-v1.12.0-amd64-linux/fedcba9876543210"
)

// shellOf returns what is put as the shell beside code.
func shellOf(code []byte) []byte {
	return append(bytes.Repeat([]byte("shell of "), 300), code[:min(len(code), 9)]...)
}

// weight is what code and its shell take.
func weight(code []byte) int64 { return int64(len(code) + len(shellOf(code))) }

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
	e, err := c.Put(k, NamedFile{entryName, memory(t, data)}, NamedFile{shellName, memory(t, shellOf(data))})
	if err != nil {
		t.Fatal(err)
	}
	check(t, e, data)
}

// memory returns a file with the data.
func memory(t testing.TB, data []byte) *os.File {
	t.Helper()
	file, err := memfile.Of("test", data)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = file.Close() })
	return file
}

// check wants an entry to hold the data and its shell, sealed, and closes it.
func check(t *testing.T, e *Entry, data []byte) {
	t.Helper()
	holds(t, NamedFile{e.Name(), e.File()}, NamedFile{entryName, nil}, data)
	holds(t, e.Shell(), NamedFile{shellName, nil}, shellOf(data))
	if e.Size() != int64(len(data)) {
		t.Errorf("size %d, want %d", e.Size(), len(data))
	}
	_ = e.Close()
	_ = e.Close()
}

// holds wants a file to have a name and content, and to be sealed.
func holds(t *testing.T, f, named NamedFile, want []byte) {
	t.Helper()
	got, err := io.ReadAll(io.NewSectionReader(f.File, 0, int64(len(want))+1))
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("%d bytes, %v; want the %d that were put", len(got), err, len(want))
	}
	if !memfile.Sealed(f.File) || f.Name != named.Name {
		t.Errorf("sealed %v, name %q; want %q", memfile.Sealed(f.File), f.Name, named.Name)
	}
	if _, err := f.File.WriteAt([]byte{0}, 0); err == nil {
		t.Error("the entry can be written to")
	}
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
