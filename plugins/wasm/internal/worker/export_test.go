package worker

import (
	"os"

	"golang.org/x/sys/unix"
)

// Fence forbids this process every file but those below a directory, which it may read, and returns the
// version of Landlock, 0 if there is none to be had.
func Fence(dir string) (int, error) {
	d, err := os.OpenFile(dir, unix.O_PATH, 0)
	if err != nil {
		return 0, err
	}
	defer d.Close()
	f := newFence()
	if err := noNewPrivileges(); err != nil {
		return 0, err
	}
	err = f.close([]rule{{int(d.Fd()), false}})
	return f.version, err
}
