package memfile

import (
	"errors"
	"fmt"
	"io"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

func TestNobodyChangesASealedFile(t *testing.T) {
	f, err := Of("test", []byte("verified"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	if !Sealed(f) {
		t.Error("Sealed = false")
	}
	again, err := os.OpenFile(fmt.Sprintf("/proc/self/fd/%d", f.Fd()), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = again.Close() }()
	for _, handle := range []*os.File{f, again} {
		if _, err := handle.WriteAt([]byte("x"), 0); !errors.Is(err, unix.EPERM) {
			t.Errorf("write: %v, want EPERM", err)
		}
		if err := handle.Truncate(1); !errors.Is(err, unix.EPERM) {
			t.Errorf("shrink: %v, want EPERM", err)
		}
		if err := handle.Truncate(100); !errors.Is(err, unix.EPERM) {
			t.Errorf("grow: %v, want EPERM", err)
		}
	}
	if _, err := unix.Mmap(int(again.Fd()), 0, 8, unix.PROT_WRITE, unix.MAP_SHARED); !errors.Is(err, unix.EPERM) {
		t.Errorf("map writable: %v, want EPERM", err)
	}
	if text, err := io.ReadAll(f); err != nil || string(text) != "verified" {
		t.Errorf("content %q, %v; want it from the beginning", text, err)
	}
}

func TestSealRefusesAFileThatSomebodyHasMapped(t *testing.T) {
	f, err := New("test")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	if err := f.Truncate(4096); err != nil {
		t.Fatal(err)
	}
	mapped, err := unix.Mmap(int(f.Fd()), 0, 4096, unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		t.Fatal(err)
	}
	if err := Seal(f); !errors.Is(err, unix.EBUSY) {
		t.Errorf("seal while mapped: %v, want EBUSY", err)
	}
	if err := unix.Munmap(mapped); err != nil {
		t.Fatal(err)
	}
	if err := Seal(f); err != nil {
		t.Errorf("seal: %v", err)
	}
}

func TestOnlyFilesInMemoryCountAsSealed(t *testing.T) {
	f, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	if Sealed(f) {
		t.Error("a file on disk counts as sealed")
	}
	if err := Seal(f); err == nil {
		t.Error("a file on disk can be sealed")
	}
}

func TestDupOutlivesTheOriginal(t *testing.T) {
	f, err := Of("test", []byte("text"))
	if err != nil {
		t.Fatal(err)
	}
	dup, err := Dup(f)
	if err != nil {
		t.Fatal(err)
	}
	_ = f.Close()
	defer func() { _ = dup.Close() }()
	got := make([]byte, 4)
	if _, err := dup.ReadAt(got, 0); err != nil || string(got) != "text" {
		t.Errorf("read %q, %v", got, err)
	}
	if _, err := Dup(f); err == nil {
		t.Error("a closed file can be duplicated")
	}
}
