package spawn

import (
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// TestChildrenAreOfTheBinaryThatIsGiven gives children files under all numbers around that of the binary: in the
// child, neither they nor what Go needs for the fork may take its place before it is started.
func TestChildrenAreOfTheBinaryThatIsGiven(t *testing.T) {
	binary, err := os.Open(Self)
	if err != nil {
		t.Fatal(err)
	}
	s, err := NewOf(binary, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	if err := binary.Close(); err != nil {
		t.Fatal(err)
	}
	if s.Path() == Self {
		t.Errorf("path %s is our own", s.Path())
	}
	taken := int(s.binary.Fd())
	for number := max(taken-3, FirstFile); number < taken+4; number++ {
		fd, err := unix.FcntlInt(os.Stderr.Fd(), unix.F_DUPFD_CLOEXEC, number)
		if err != nil {
			t.Fatal(err)
		}
		file := os.NewFile(uintptr(fd), "file")
		for _, n := range []int{1, taken, taken + 4} {
			files := make([]*os.File, n)
			for i := range files {
				files[i] = file
			}
			if e := end(t, start(t, s, &Command{Args: []string{"exit", "7"}, Files: files})); e.Code != 7 {
				t.Errorf("%d files, of number %d, binary %d: %s: %s", n, fd, taken, e, e.Stderr)
			}
		}
		_ = file.Close()
	}
}
