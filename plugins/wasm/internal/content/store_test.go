package content

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/soltihq/solti-host/plugins/wasm/internal/private"
)

func TestParseDigest(t *testing.T) {
	good := "sha256:" + strings.Repeat("0aF", 21) + "0"
	if d, err := ParseDigest(good); err != nil || string(d) != strings.ToLower(good) {
		t.Errorf("%v, %v", d, err)
	}
	for _, bad := range []string{"", "sha256:", strings.Repeat("0", 64), "sha512:" + strings.Repeat("0", 128),
		"sha256:" + strings.Repeat("0", 63), "sha256:" + strings.Repeat("0", 65), "sha256:" + strings.Repeat("g", 64), "sha256:../" + strings.Repeat("0", 61)} {
		if d, err := ParseDigest(bad); err == nil || d != "" {
			t.Errorf("%q: %v, %v", bad, d, err)
		}
	}
}

func TestWhatIsPutIsThere(t *testing.T) {
	s, dir := newStore(t, Options{})
	data := []byte("a module")
	d := put(t, s, data)
	if d != Of(data) {
		t.Errorf("digest %s, want %s", d, Of(data))
	}
	if got := read(t, s, d); !bytes.Equal(got, data) {
		t.Errorf("got %q", got)
	}
	st, err := os.Stat(filepath.Join(dir, "sha256", d.Hex()))
	if err != nil || st.Mode().Perm() != 0o400 {
		t.Errorf("mode %v, %v", st.Mode(), err)
	}
	again := openStore(t, dir, Options{})
	if got := read(t, again, d); !bytes.Equal(got, data) || again.Missing(d) != nil {
		t.Errorf("got %q from a store that was opened again", got)
	}
	for _, none := range []Digest{Of([]byte("other")), "", "sha256:x", "../../etc/passwd"} {
		if _, err := s.Get(none); !errors.Is(err, ErrNotFound) {
			t.Errorf("get %q: %v", none, err)
		}
	}
}

func TestAPutIsRefused(t *testing.T) {
	s, dir := newStore(t, Options{Module: 8})
	other := Of([]byte("other"))
	var digest *DigestError
	if _, err := s.Put(t.Context(), strings.NewReader("module"), other); !errors.As(err, &digest) || digest.Got != Of([]byte("module")) || digest.Want != other {
		t.Errorf("wrong digest: %v", err)
	}
	var size *SizeError
	if _, err := s.Put(t.Context(), strings.NewReader("123456789"), ""); !errors.As(err, &size) || size.Max != 8 {
		t.Errorf("too large: %v", err)
	}
	if _, err := s.Put(t.Context(), strings.NewReader("12345678"), "nonsense"); err == nil {
		t.Error("no error for a digest that is none")
	}
	broken := errors.New("broken")
	if _, err := s.Put(t.Context(), io.MultiReader(strings.NewReader("1"), &failing{broken}), ""); !errors.Is(err, broken) {
		t.Errorf("broken source: %v", err)
	}
	cause := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(cause)
	if _, err := s.Put(ctx, strings.NewReader("1"), ""); !errors.Is(err, cause) {
		t.Errorf("canceled: %v", err)
	}
	if left := files(t, dir); len(left) != 0 {
		t.Errorf("left %q", left)
	}
}

type failing struct{ err error }

func (f *failing) Read([]byte) (int, error) { return 0, f.err }

func TestPutFileTakesRegularFilesOnly(t *testing.T) {
	s, dir := newStore(t, Options{Module: 100})
	base := t.TempDir()
	file := write(t, filepath.Join(base, "file"), []byte("module"))
	link, fifo := filepath.Join(base, "link"), filepath.Join(base, "fifo")
	large := write(t, filepath.Join(base, "large"), make([]byte, 101))
	if err := errors.Join(os.Symlink(file, link), unix.Mkfifo(fifo, 0o600)); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		link: "symbolic link", fifo: "not a regular file", base: "not a regular file", "/dev/null": "not a regular file",
		filepath.Join(base, "none"): "no such file", large: "larger than 100 bytes",
	} {
		if _, err := s.PutFile(t.Context(), path, ""); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v, want %q", path, err, want)
		}
	}
	d, err := s.PutFile(t.Context(), file, "")
	if err != nil || d != Of([]byte("module")) {
		t.Fatalf("%v, %v", d, err)
	}
	if _, err := s.PutFile(t.Context(), file, Of([]byte("other"))); !errors.As(err, new(*DigestError)) {
		t.Errorf("wrong digest: %v", err)
	}
	if got, err := s.PutFile(t.Context(), filepath.Join(base, "none"), d); err != nil || got != d {
		t.Errorf("what the store has need not be read: %v, %v", got, err)
	}
	if left := files(t, dir); len(left) != 1 {
		t.Errorf("left %q", left)
	}
}

// A growing file has no digest of its own, unless what was read of it is what was wanted.
func TestPutFileRefusesAFileThatChangesMeanwhile(t *testing.T) {
	s, dir := newStore(t, Options{})
	path := write(t, filepath.Join(t.TempDir(), "file"), []byte("module"))
	file, err := openRegular(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	before, _ := identify(file)
	grow := &growing{file: file, path: path}
	_, err = s.put(t.Context(), grow, "", path, func() error {
		if after, err := identify(file); err != nil || after != before {
			return errors.Join(ErrChanged, err)
		}
		return nil
	})
	if !errors.Is(err, ErrChanged) {
		t.Errorf("error %v", err)
	}
	if left := files(t, dir); len(left) != 0 {
		t.Errorf("left %q", left)
	}
}

// A growing reader appends to its file once when it is read.
type growing struct {
	file *os.File
	path string
	once sync.Once
}

func (g *growing) Read(p []byte) (int, error) {
	g.once.Do(func() {
		f, err := os.OpenFile(g.path, os.O_WRONLY|os.O_APPEND, 0)
		if err == nil {
			_, _ = f.WriteString(" and more")
			_ = f.Close()
		}
	})
	return g.file.Read(p)
}

func TestDamageIsFoundAndMended(t *testing.T) {
	data := []byte("a module that is damaged")
	damage := map[string]func(path string) error{
		"bit flip": func(path string) error { return rewrite(path, []byte("a module that is damageD")) },
		"cut":      func(path string) error { return rewrite(path, data[:5]) },
		"mode":     func(path string) error { return os.Chmod(path, 0o644) },
		"link": func(path string) error {
			return errors.Join(os.Rename(path, path+"x"), os.Symlink(path+"x", path))
		},
		"fifo": func(path string) error { return errors.Join(os.Remove(path), unix.Mkfifo(path, 0o600)) },
	}
	for name, do := range damage {
		for _, when := range []string{"before", "after"} {
			t.Run(name+" "+when+" it was verified", func(t *testing.T) {
				s, dir := newStore(t, Options{})
				d := put(t, s, data)
				if when == "after" {
					read(t, s, d)
				}
				if err := do(filepath.Join(dir, "sha256", d.Hex())); err != nil {
					t.Fatal(err)
				}
				if _, err := s.Get(d); !errors.Is(err, ErrNotFound) || !strings.Contains(err.Error(), "damaged") {
					t.Errorf("get: %v", err)
				}
				if got := s.Stats().Damaged; got != 1 {
					t.Errorf("%d damaged, want 1", got)
				}
				put(t, s, data)
				if got := read(t, s, d); !bytes.Equal(got, data) {
					t.Errorf("got %q", got)
				}
			})
		}
	}
}

// rewrite changes a file where it is.
func rewrite(path string, data []byte) error {
	return errors.Join(os.Chmod(path, 0o600), os.WriteFile(path, data, 0o600), os.Chmod(path, 0o400))
}

func TestOpenRefusesAnUnsafeDirectory(t *testing.T) {
	base := t.TempDir()
	link := filepath.Join(base, "link")
	if err := errors.Join(os.Mkdir(filepath.Join(base, "wide"), 0o755), os.Chmod(filepath.Join(base, "wide"), 0o755),
		os.Symlink(t.TempDir(), link)); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{link, filepath.Join(base, "wide")} {
		if _, err := Open(dir, Options{}); !errors.As(err, new(*private.UnsafeError)) {
			t.Errorf("open %s: %v", dir, err)
		}
	}
}

type endless struct{ n int }

func (e *endless) Read(p []byte) (int, error) {
	if e.n++; e.n == 3 {
		fmt.Println("underway")
	}
	if e.n > 3 {
		time.Sleep(10 * time.Millisecond)
	}
	return min(len(p), 1024), nil
}

// Whoever read the damaged file a moment ago does not throw away what came in its place.
func TestWhatComesForADamagedModuleStays(t *testing.T) {
	s, dir := newStore(t, Options{})
	data := []byte("a module that is damaged")
	d := put(t, s, data)
	if err := rewrite(filepath.Join(dir, directory, d.Hex()), []byte("a module that is damageD")); err != nil {
		t.Fatal(err)
	}
	late, err := s.open(d)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = late.Close() }()
	if _, err := s.Get(d); !errors.Is(err, ErrNotFound) {
		t.Fatalf("error %v", err)
	}
	put(t, s, data)
	if err := s.verify(d, late); err == nil {
		t.Error("the damaged file was taken")
	}
	file, err := s.Get(d)
	if err != nil {
		t.Fatal(err)
	}
	_ = file.Close()
	if got := s.Stats().Damaged; got != 1 {
		t.Errorf("%d damaged, want 1", got)
	}
}
