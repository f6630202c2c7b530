package wire

import (
	"io"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// arrives sends a load and tells what the worker has got: its words, and what is in its files, "" for none. The
// worker answers with the Ready.
func arrives(t *testing.T, l Load, r Ready) (got Load, files [3]string, ready Ready) {
	t.Helper()
	p, file, err := NewParent()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = p.Close() }()
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer file.Close()
		c := NewChild(int(file.Fd()))
		l, fds, err := c.Load()
		if err != nil {
			t.Error(err)
			return
		}
		defer func() { _ = c.shared.close() }()
		got = l
		for i, fd := range []int{fds.Module, fds.Native, fds.Shell} {
			if fd >= 0 {
				f := os.NewFile(uintptr(fd), "received")
				text, _ := io.ReadAll(io.NewSectionReader(f, 0, 100))
				files[i] = string(text)
				_ = f.Close()
			}
		}
		if err := c.Ready(r); err != nil {
			t.Error(err)
		}
	}()
	ready, err = p.Load(t.Context(), l)
	<-done
	if err != nil {
		t.Fatal(err)
	}
	return got, files, ready
}

func TestFilesOfALoadArriveAsWhatTheyAre(t *testing.T) {
	file := func(text string) *os.File {
		fd, err := unix.MemfdCreate("test", unix.MFD_CLOEXEC)
		if err != nil {
			t.Fatal(err)
		}
		f := os.NewFile(uintptr(fd), text)
		t.Cleanup(func() { _ = f.Close() })
		if _, err := f.WriteString(text); err != nil {
			t.Fatal(err)
		}
		return f
	}
	l := Load{Module: file("module"), Engine: EngineCompiler, Pages: 7, TailCall: true, NoMounts: true, OpenFiles: 9}
	if _, files, _ := arrives(t, l, Ready{}); files != [3]string{"module"} {
		t.Errorf("files %q", files)
	}
	l.Native, l.NativeName = file("native"), "a/b"
	if got, files, _ := arrives(t, l, Ready{}); files != [3]string{"module", "native"} || got.NativeName != "a/b" || got.ShellName != "" {
		t.Errorf("files %q, %+v", files, got)
	}
	l.Shell, l.ShellName = file("shell"), "a/c"
	long := strings.Repeat("why ", MaxTrap)
	got, files, ready := arrives(t, l, Ready{Engine: EngineInterpreter, Whole: long})
	if files != [3]string{"module", "native", "shell"} || got.NativeName != "a/b" || got.ShellName != "a/c" {
		t.Errorf("files %q, %+v", files, got)
	}
	if got.Module, got.Native, got.Shell = l.Module, l.Native, l.Shell; got != l {
		t.Errorf("got %+v, want %+v", got, l)
	}
	if ready.Engine != EngineInterpreter || ready.Whole != long[:MaxTrap] {
		t.Errorf("ready with %v and %d bytes of why", ready.Engine, len(ready.Whole))
	}
	l.Native = nil
	p, child, err := NewParent()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _, _ = p.Close(), child.Close() }()
	if _, err := p.Load(t.Context(), l); err == nil || !strings.Contains(err.Error(), "without native code") {
		t.Errorf("a shell alone: %v", err)
	}
}
