package fsys

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

func TestQuota(t *testing.T) {
	b := setup(t, Mount{Writable: true, Quota: 1000 + NameCost})
	n := b.open(t, "new", Open{Create: true, Write: true, Read: true})
	k, err := n.Write(make([]byte, 600))
	if k != 600 || err != nil {
		t.Fatalf("wrote %d, %v", k, err)
	}
	if k, err = n.WriteAt(make([]byte, 600), 0); k != 600 || err != nil {
		t.Fatalf("wrote %d over what is there, %v", k, err)
	}
	if k, err = n.Write(make([]byte, 600)); k != 400 || err != nil {
		t.Fatalf("wrote %d, %v; want the 400 that are left", k, err)
	}
	_, err = n.Write([]byte("x"))
	want(t, "write", err, unix.ENOSPC)
	_, err = n.WriteAt([]byte("x"), 5000)
	want(t, "write far behind", err, unix.ENOSPC)
	want(t, "grow", n.Truncate(1001), unix.ENOSPC)
	want(t, "allocate", n.Allocate(0, 1001), unix.ENOSPC)
	want(t, "mkdir", b.root.Mkdir("more"), unix.ENOSPC)
	_, err = b.root.Open("more", Open{Create: true, Write: true})
	want(t, "create", err, unix.ENOSPC)
	want(t, "shrink", n.Truncate(100), nil)
	want(t, "grow again", n.Truncate(900), nil)
	n.Close()
}

// What is removed is given back, of an open file when it is closed.
func TestQuotaIsGivenBack(t *testing.T) {
	b := setup(t, Mount{Writable: true, Quota: 1000 + 2*NameCost})
	fill := func(name string) *Node {
		n := b.open(t, name, Open{Create: true, Write: true, Truncate: true})
		if k, err := n.Write(make([]byte, 1000)); k != 1000 || err != nil {
			t.Fatalf("wrote %d to %s, %v", k, name, err)
		}
		return n
	}
	n := fill("a")
	want(t, "unlink", b.root.Unlink("a"), nil)
	if k, err := n.Write(make([]byte, 1000)); k != 2*NameCost {
		t.Errorf("wrote %d to a file without a name, %v; want what two names cost", k, err)
	}
	n.Close()
	fill("b").Close()
	fill("b").Close() // truncated
	b.open(t, "c", Open{Create: true, Write: true}).Close()
	want(t, "rename", b.root.Rename("c", b.root, "b"), nil)
	fill("b").Close()
	want(t, "unlink", b.root.Unlink("b"), nil)
	for range 10 {
		want(t, "mkdir", b.root.Mkdir("d"), nil)
		want(t, "rmdir", b.root.Rmdir("d"), nil)
	}
	fill("e").Close()
}

func TestSparseFilesCountAsLarge(t *testing.T) {
	b := setup(t, Mount{Writable: true, Quota: 10_000})
	n := b.open(t, "new", Open{Create: true, Write: true})
	defer n.Close()
	if _, err := n.Seek(5000, unix.SEEK_SET); err != nil {
		t.Fatal(err)
	}
	if _, err := n.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	want(t, "a second one", n.Truncate(10_000), unix.ENOSPC)
}

func TestOpenFiles(t *testing.T) {
	b := setup(t, Mount{})
	var open []*Node
	for range 8 {
		open = append(open, b.open(t, "file", Open{Read: true}))
	}
	_, err := b.root.Open("file", Open{Read: true})
	want(t, "open", err, unix.EMFILE)
	want(t, "take", b.root.tree.Take(), unix.EMFILE)
	for _, n := range open {
		n.Close()
	}
	b.open(t, "file", Open{Read: true}).Close()
}

func TestAppend(t *testing.T) {
	b := setup(t, Mount{Writable: true, Quota: 1 << 20})
	n := b.open(t, "file", Open{Read: true, Write: true, Append: true})
	defer n.Close()
	for _, text := range []string{" and", " more"} {
		if _, err := n.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := n.WriteAt([]byte("C"), 0); err != nil {
		t.Fatal(err)
	}
	want(t, "stop appending", n.SetAppend(false), nil)
	if _, err := n.WriteAt([]byte("!"), 7); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join(b.inside, "file"))
	if string(got) != "Content!and more" {
		t.Errorf("file has %q, %v", got, err)
	}
}

func TestReadDir(t *testing.T) {
	b := setup(t, Mount{})
	wanted := map[string]bool{".": true, "..": true}
	for i := range 300 {
		name := fmt.Sprintf("%d", i)
		wanted[name] = true
		write(t, filepath.Join(b.inside, "dir", name), "")
	}
	dir := b.open(t, "dir", Open{Directory: true})
	defer dir.Close()
	cookie, rounds := uint64(0), 0
	for more := true; more; rounds++ {
		more = false
		err := dir.ReadDir(cookie, 100, func(e Entry) bool {
			if !wanted[string(e.Name)] {
				t.Fatalf("entry %q twice or not there", e.Name)
			}
			delete(wanted, string(e.Name))
			cookie, more = e.Next, true
			return len(wanted)%7 != 0
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(wanted) > 0 || rounds < 40 {
		t.Errorf("missing after %d rounds: %v", rounds, wanted)
	}
}
