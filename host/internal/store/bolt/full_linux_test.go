package bolt

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/soltihq/solti-host/host/internal/event"
	"github.com/soltihq/solti-host/host/internal/store"
	"github.com/soltihq/solti-host/host/internal/store/storetest"
	"github.com/soltihq/solti-host/host/task"
)

// smallDisk mounts a file system of so many bytes and returns a directory in it.
func smallDisk(t *testing.T, size string) string {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("mounting a small file system needs root")
	}
	mount := t.TempDir()
	if err := syscall.Mount("tmpfs", mount, "tmpfs", 0, "size="+size); err != nil {
		t.Skipf("a small file system cannot be mounted here: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(mount, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return filepath.Join(mount, "store")
}

// TestFullDiskLosesNothingAndGoesOn fills a small disk with tasks. The ends of what runs fit into the
// reserve, and when there is room again, all goes on.
func TestFullDiskLosesNothingAndGoesOn(t *testing.T) {
	dir := smallDisk(t, "12m")
	s := open(t, dir, Options{Now: early, Reserve: 4 << 20})
	h, want := storetest.NewHistory(), storetest.NewModel()
	first := h.Accept("first", 100)
	running := []event.Record{first, h.Start(first.Task.Metadata.UID)}
	if err := s.Commit(running); err != nil {
		t.Fatal(err)
	}
	want.Apply(running...)

	ballast := filepath.Join(filepath.Dir(dir), "ballast")
	fillDisk(t, ballast)
	var last event.Record
	var err error
	for err == nil {
		if err = s.Room(); err != nil {
			t.Fatalf("Room before the disk is full: %v", err)
		}
		last = h.Accept("filler", 50_000)
		if err = s.Commit([]event.Record{last}); err == nil {
			want.Apply(last)
		}
	}
	if !errors.Is(err, store.ErrFull) || errors.Is(err, store.ErrBroken) {
		t.Fatalf("Commit on a full disk: %v, want store.ErrFull", err)
	}
	if err := s.Room(); !errors.Is(err, store.ErrFull) {
		t.Errorf("Room on a full disk: %v", err)
	}
	h.Remove(last.Task.Metadata.UID) // it was not stored
	want.Check(t, s, false)

	end := h.End(first.Task.Metadata.UID, true)
	if err := s.Commit([]event.Record{end}); err != nil {
		t.Fatalf("Commit from the reserve: %v", err)
	}
	want.Apply(end)
	want.Check(t, s, false)

	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	waitFor(t, func() bool { return s.Room() == nil })
	more := h.Accept("more", 50_000)
	if err := s.Commit([]event.Record{more}); err != nil {
		t.Fatalf("Commit with room again: %v", err)
	}
	want.Apply(more)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir, Options{Now: early, Reserve: 4096})
	defer s.Close()
	want.Check(t, s, true)
}

// TestCommitterOutlastsAFullDisk has a committer over a full disk: its units wait, in order, until there is room.
func TestCommitterOutlastsAFullDisk(t *testing.T) {
	dir := smallDisk(t, "8m")
	s := open(t, dir, Options{Now: early, Reserve: 64 << 10})
	defer s.Close()
	c := store.NewCommitter(s, store.CommitterOptions{})
	ballast := filepath.Join(filepath.Dir(dir), "ballast")
	fillDisk(t, ballast)
	h, want := storetest.NewHistory(), storetest.NewModel()
	answers := make(chan error, 100)
	for range 20 {
		r := h.Accept("task", 100_000)
		want.Apply(r)
		c.Append([]event.Record{r}, func(err error) { answers <- err })
	}
	waitFor(t, func() bool { return errors.Is(c.Accepting(), task.ErrUnavailable) })
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	for range 20 {
		if err := <-answers; err != nil {
			t.Fatalf("a unit was answered %v", err)
		}
	}
	waitFor(t, func() bool { return c.Accepting() == nil })
	if err := c.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	want.Check(t, s, true)
}

// TestReserveHoldsWhatWasLetIn has as many submissions on their way as there can be when the disk is
// found full. All become durable although nobody makes room, and so do the ends of what runs.
func TestReserveHoldsWhatWasLetIn(t *testing.T) {
	for name, size := range map[string]int{"small": 100, "large": 200_000} {
		t.Run(name, func(t *testing.T) {
			dir := smallDisk(t, "40m")
			s := open(t, dir, Options{Now: early})
			defer s.Close()
			h, want := storetest.NewHistory(), storetest.NewModel()
			var ends []event.Record
			for i := range 100 {
				r := h.Accept(fmt.Sprint("running-", i), 100)
				running := []event.Record{r, h.Start(r.Task.Metadata.UID)}
				if err := s.Commit(running); err != nil {
					t.Fatal(err)
				}
				want.Apply(running...)
				ends = append(ends, h.End(r.Task.Metadata.UID, true))
			}
			fillDisk(t, filepath.Join(filepath.Dir(dir), "ballast"))
			var records []event.Record
			for sum := 0; sum < store.Outstanding && len(records) < 4096+512; sum += size + 600 {
				records = append(records, h.Accept(fmt.Sprint("let-in-", len(records)), size))
			}
			records = append(records, ends...)
			c := store.NewCommitter(s, store.CommitterOptions{})
			answers := make(chan error, len(records))
			for _, r := range records {
				want.Apply(r)
				c.Append([]event.Record{r}, func(err error) { answers <- err })
			}
			for range records {
				if err := <-answers; err != nil {
					t.Fatalf("a unit was answered %v", err)
				}
			}
			if err := c.Accepting(); !errors.Is(err, task.ErrUnavailable) {
				t.Errorf("Accepting on a full disk: %v", err)
			}
			if err := c.Close(t.Context()); err != nil {
				t.Fatal(err)
			}
			want.Check(t, s, true)
		})
	}
}

// fillDisk writes a file until nothing more fits.
func fillDisk(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for block := bytes.Repeat([]byte("x"), 64<<10); len(block) > 0; {
		if _, err := f.Write(block); errors.Is(err, syscall.ENOSPC) {
			block = block[:len(block)/2]
		} else if err != nil {
			t.Fatal(err)
		}
	}
}

func waitFor(t *testing.T, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it does not happen")
		}
	}
}

// TestFailedWriteIsFinal puts another file in the place of the store's, one that takes no writes and one
// that takes writes and cannot be synced.
func TestFailedWriteIsFinal(t *testing.T) {
	for name, path := range map[string]string{"write": os.Args[0], "sync": "/dev/null"} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			want := filled(t, dir)
			s := open(t, dir, Options{Now: early, Reserve: 4096})
			defer s.Close()
			replace(t, filepath.Join(dir, "state.db"), path)
			h := storetest.NewHistory()
			for range 2 {
				err := s.Commit([]event.Record{h.Accept("a", 10)})
				if !errors.Is(err, store.ErrBroken) || errors.Is(err, store.ErrFull) {
					t.Errorf("Commit: %v, want store.ErrBroken", err)
				}
			}
			want.Check(t, s, false) // it can be read on
		})
	}
}

// replace makes the open descriptor of path one of another file, opened for reading, or for writing if it
// is a device.
func replace(t *testing.T, path, other string) {
	t.Helper()
	flags := os.O_RDONLY
	if filepath.Dir(other) == "/dev" {
		flags = os.O_RDWR
	}
	f, err := os.OpenFile(other, flags, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	links, err := filepath.Glob("/proc/self/fd/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, link := range links {
		target, err := os.Readlink(link)
		if err != nil || target != path {
			continue
		}
		fd, err := strconv.Atoi(filepath.Base(link))
		if err != nil {
			t.Fatal(err)
		}
		if err := syscall.Dup3(int(f.Fd()), fd, syscall.O_CLOEXEC); err != nil {
			t.Fatal(err)
		}
		return
	}
	t.Fatalf("%s is not open", path)
}
