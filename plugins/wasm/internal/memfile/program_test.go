package memfile

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"testing"

	"golang.org/x/sys/unix"
)

func TestProgramRunsAndStaysAsItIs(t *testing.T) {
	echo, err := os.ReadFile("/bin/echo")
	if err != nil {
		t.Skip(err)
	}
	f, err := Program("echo", string(echo))
	if err != nil {
		t.Skipf("the system forbids it: %v", err)
	}
	defer func() { _ = f.Close() }()
	if !Sealed(f) {
		t.Error("Sealed = false")
	}
	if _, err := f.WriteAt([]byte("x"), 0); !errors.Is(err, unix.EPERM) {
		t.Errorf("write: %v, want EPERM", err)
	}
	out, err := exec.CommandContext(t.Context(), fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), f.Fd()), "from", "memory").Output()
	if err != nil || string(out) != "from memory\n" {
		t.Errorf("output %q, %v", out, err)
	}
}
