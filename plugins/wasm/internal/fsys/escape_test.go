package fsys

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// everyWay are operations that must not reach what a path outside stands for.
func everyWay(b *bundle, path string) map[string]error {
	var st unix.Stat_t
	_, read := b.root.Open(path, Open{Follow: true, Read: true})
	_, created := b.root.Open(path, Open{Follow: true, Write: true, Create: true})
	_, truncated := b.root.Open(path, Open{Follow: true, Write: true, Truncate: true})
	return map[string]error{
		"open": read, "create": created, "truncate": truncated,
		"stat":  b.root.StatAt(path, true, &st),
		"times": b.root.SetTimesAt(path, true, &[2]unix.Timespec{}),
	}
}

func TestNoWayOut(t *testing.T) {
	b := setup(t, Mount{Writable: true, Links: true})
	link := func(text, name string) string {
		if err := os.Symlink(text, filepath.Join(b.inside, name)); err != nil {
			t.Fatal(err)
		}
		return name
	}
	secret := filepath.Join(b.outside, "secret")
	paths := []string{
		"../outside/secret", "dir/../../outside/secret", "./../outside/secret", "/etc/passwd", secret, "//etc/passwd",
		link("../outside/secret", "found"),
		link(secret, "absolute"),
		link("../outside", "directory") + "/secret",
		link("dir/../../outside/secret", "winding"),
		link("found", "twice"),
		link("/proc/thread-self/root"+"/etc/passwd", "magic"),
		link("../outside/new", "dangling"),
	}
	for _, path := range paths {
		for how, err := range everyWay(b, path) {
			want(t, how+" "+path, err, unix.EPERM)
		}
	}
	if b.denied.Load() < uint64(len(paths)) {
		t.Errorf("%d refusals counted of %d paths", b.denied.Load(), len(paths))
	}
	unchanged(t, b)
}

// unchanged checks what is outside.
func unchanged(t *testing.T, b *bundle) {
	t.Helper()
	list, err := os.ReadDir(b.outside)
	if err != nil || len(list) != 1 {
		t.Errorf("outside there are %v, %v; want the secret alone", list, err)
	}
	text, err := os.ReadFile(filepath.Join(b.outside, "secret"))
	if err != nil || string(text) != "secret" {
		t.Errorf("the secret is %q, %v", text, err)
	}
}

// Operations on names act on a link itself, and in no other directory.
func TestNamesOutside(t *testing.T) {
	b := setup(t, Mount{Writable: true, Links: true})
	if err := os.Symlink("../outside", filepath.Join(b.inside, "way")); err != nil {
		t.Fatal(err)
	}
	var buf [64]byte
	for path, wanted := range map[string]error{"way/x": unix.EPERM, "../outside/x": unix.EPERM, "/tmp/x": unix.EPERM} {
		want(t, "mkdir "+path, b.root.Mkdir(path), wanted)
		want(t, "symlink "+path, b.root.Symlink("x", path), wanted)
		want(t, "rename to "+path, b.root.Rename("file", b.root, path), wanted)
		want(t, "link to "+path, b.root.Link("file", b.root, path), wanted)
	}
	for _, path := range []string{"way/secret", "../outside/secret"} {
		want(t, "unlink "+path, b.root.Unlink(path), unix.EPERM)
		want(t, "rename "+path, b.root.Rename(path, b.root, "mine"), unix.EPERM)
		want(t, "link "+path, b.root.Link(path, b.root, "mine"), unix.EPERM)
		_, err := b.root.Readlink(path, buf[:])
		want(t, "readlink "+path, err, unix.EPERM)
	}
	want(t, "link with a slash behind", b.root.Link("way/", b.root, "mine"), unix.ENOTDIR)
	if err := b.root.Rmdir(".."); err == nil {
		t.Error("the parent was removed")
	}
	want(t, "unlink a link", b.root.Unlink("way"), nil)
	unchanged(t, b)
}

// A directory that is open is a boundary, also when it is below a mount.
func TestDirectoryIsABoundary(t *testing.T) {
	b := setup(t, Mount{Writable: true})
	dir := b.open(t, "dir", Open{Directory: true})
	defer dir.Close()
	_, err := dir.Open("../file", Open{Read: true})
	want(t, "open ../file", err, unix.EPERM)
	want(t, "rename", b.root.Rename("file", dir, "moved"), nil)
	if _, err := os.Stat(filepath.Join(b.inside, "dir", "moved")); err != nil {
		t.Error(err)
	}
}

// While a directory is exchanged for a link to the outside, and back, no path through it leads out.
func TestRenameRace(t *testing.T) {
	b := setup(t, Mount{Writable: true})
	dir, spare, link := filepath.Join(b.inside, "dir"), filepath.Join(b.inside, "spare"), filepath.Join(b.inside, "link")
	write(t, filepath.Join(dir, "secret"), "mine")
	if err := os.Symlink("../outside", link); err != nil {
		t.Fatal(err)
	}
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			_ = os.Rename(dir, spare)
			_ = os.Rename(link, dir)
			_ = os.Rename(dir, link)
			_ = os.Rename(spare, dir)
		}
	})
	var reads, buf = 0, make([]byte, 16)
	for range 3000 {
		n, err := b.root.Open("dir/secret", Open{Follow: true, Read: true})
		if err != nil {
			continue
		}
		reads++
		if k, _ := n.Read(buf); string(buf[:k]) != "mine" {
			t.Fatalf("read %q", buf[:k])
		}
		n.Close()
	}
	close(stop)
	wg.Wait()
	if reads == 0 {
		t.Error("no read came through")
	}
	unchanged(t, b)
}

func TestLinksInsideAreFollowed(t *testing.T) {
	b := setup(t, Mount{})
	if err := os.Symlink("../file", filepath.Join(b.inside, "dir", "link")); err != nil {
		t.Fatal(err)
	}
	n := b.open(t, "dir/link", Open{Follow: true, Read: true})
	defer n.Close()
	_, err := b.root.Open("dir/link", Open{Read: true})
	want(t, "open without following", err, unix.ELOOP)
}

func TestNoLinksAreMade(t *testing.T) {
	b := setup(t, Mount{Writable: true})
	want(t, "symlink", b.root.Symlink("file", "link"), unix.EPERM)
	want(t, "link", b.root.Link("file", b.root, "link"), unix.EPERM)
	if b.denied.Load() != 2 {
		t.Errorf("%d refusals counted, want 2", b.denied.Load())
	}
	b = setup(t, Mount{Writable: true, Links: true})
	want(t, "absolute symlink", b.root.Symlink("/etc/passwd", "link"), unix.EPERM)
}

func TestOnlyFilesAndDirectoriesOpen(t *testing.T) {
	b := setup(t, Mount{Writable: true})
	if err := unix.Mkfifo(filepath.Join(b.inside, "fifo"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, o := range []Open{{Read: true}, {Write: true}, {Read: true, Write: true, Create: true}} {
		_, err := b.root.Open("fifo", o)
		want(t, "open a fifo", err, unix.EACCES)
	}
	if err := unix.Mknod(filepath.Join(b.inside, "null"), unix.S_IFCHR|0o600, int(unix.Mkdev(1, 3))); err == nil {
		_, err := b.root.Open("null", Open{Read: true})
		want(t, "open a device", err, unix.EACCES)
	}
}

func TestReadOnly(t *testing.T) {
	b := setup(t, Mount{Links: true})
	_, err := b.root.Open("file", Open{Write: true})
	want(t, "open for writing", err, unix.EROFS)
	_, err = b.root.Open("file", Open{Truncate: true})
	want(t, "truncate", err, unix.EROFS)
	_, err = b.root.Open("new", Open{Create: true})
	want(t, "create", err, unix.EROFS)
	want(t, "mkdir", b.root.Mkdir("new"), unix.EROFS)
	want(t, "unlink", b.root.Unlink("file"), unix.EROFS)
	want(t, "rmdir", b.root.Rmdir("dir"), unix.EROFS)
	want(t, "rename", b.root.Rename("file", b.root, "new"), unix.EROFS)
	want(t, "link", b.root.Link("file", b.root, "new"), unix.EROFS)
	want(t, "symlink", b.root.Symlink("file", "new"), unix.EROFS)
	want(t, "times of a path", b.root.SetTimesAt("file", true, &[2]unix.Timespec{}), unix.EROFS)
	n := b.open(t, "file", Open{Read: true, Create: true})
	defer n.Close()
	want(t, "times", n.SetTimes(&[2]unix.Timespec{}), unix.EROFS)
	want(t, "truncate", n.Truncate(0), unix.EBADF)
	_, err = n.Write([]byte("x"))
	want(t, "write", err, unix.EBADF)
}

// FuzzPath opens and changes whatever path there is. Nothing outside may change or be read.
func FuzzPath(f *testing.F) {
	for _, s := range []string{"file", "../outside/secret", "dir/../..", "way/secret", "./way/../inside/file", "//", "a/./b/", "way//"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, path string) {
		if strings.IndexByte(path, 0) >= 0 { // refused before
			return
		}
		b := setup(t, Mount{Writable: true, Links: true})
		if err := os.Symlink("../outside", filepath.Join(b.inside, "way")); err != nil {
			t.Fatal(err)
		}
		var buf [16]byte
		for _, o := range []Open{{Follow: true, Read: true}, {Read: true, Write: true, Create: true}} {
			n, err := b.root.Open(path, o)
			if err != nil {
				continue
			}
			if k, _ := n.Read(buf[:]); string(buf[:k]) == "secret" {
				t.Errorf("%q leads to the secret", path)
			}
			n.Close()
		}
		_ = b.root.Mkdir(path)
		_ = b.root.Symlink("x", path)
		_ = b.root.Rename("file", b.root, path)
		_ = b.root.Unlink(path)
		_ = b.root.Rmdir(path)
		unchanged(t, b)
	})
}
