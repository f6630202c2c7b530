package fence

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/soltihq/solti-host/plugins/wasm/internal/proctest"
)

func TestMain(m *testing.M) {
	proctest.Main(m, proctest.Modes{"fence": func() int { return fenced(os.Args[2], os.Args[3]) }})
}

// around forbids this process every file but those below a directory, which it may read, and returns the version
// of Landlock, 0 if there is none to be had.
func around(dir string) (int, error) {
	d, err := os.OpenFile(dir, unix.O_PATH, 0)
	if err != nil {
		return 0, err
	}
	defer func() { _ = d.Close() }()
	if err := NoNewPrivileges(); err != nil {
		return 0, err
	}
	f := New()
	err = f.Close([]Rule{{Dir: int(d.Fd())}})
	return f.Version, err
}

// fenced is what the test binary does to find out what a fence keeps out: mode, directory, file outside.
func fenced(dir, outside string) int {
	version, err := around(dir)
	if err != nil {
		fmt.Println(err)
		return 1
	}
	if version == 0 {
		fmt.Println("skip")
		return 0
	}
	_, err = os.ReadFile(filepath.Join(dir, "file"))
	report(err == nil, "read below the directory", err)
	err = os.WriteFile(filepath.Join(dir, "new"), nil, 0o600)
	report(errors.Is(err, fs.ErrPermission), "write below the directory", err)
	_, err = os.ReadFile(outside)
	report(errors.Is(err, fs.ErrPermission), "read outside", err)
	err = bind()
	report(errors.Is(err, fs.ErrPermission), "listen", err)
	err = exec.Command(os.Args[0], "-test.list=x").Run()
	report(errors.Is(err, fs.ErrPermission), "execute", err)
	return 0
}

// bind binds a TCP socket. net.Listen would take one for MPTCP, which Landlock does not know.
func bind() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}})
}

func report(ok bool, what string, err error) {
	if !ok {
		fmt.Println(what, err)
	}
}

func TestFence(t *testing.T) {
	dir, outside := t.TempDir(), filepath.Join(t.TempDir(), "outside")
	for _, path := range []string{filepath.Join(dir, "file"), outside} {
		if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	out, err := exec.CommandContext(t.Context(), os.Args[0], "fence", dir, outside).CombinedOutput()
	switch {
	case string(out) == "skip\n":
		t.Skip("no Landlock in this kernel, or a build with cgo")
	case err != nil || len(out) > 0:
		t.Errorf("%v\n%s", err, out)
	}
}
