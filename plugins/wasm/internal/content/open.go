package content

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// openRegular opens a regular file for reading. Nothing else is opened at all: to open a pipe or a device
// may block, or do something.
func openRegular(path string) (*os.File, error) {
	return openAt(unix.AT_FDCWD, path, path, unix.S_IFREG)
}

// openAt opens a file of the type wanted, without following a link in its last element. Errors name path.
func openAt(at int, name, path string, kind uint32) (*os.File, error) {
	handle, err := ignoreEINTR(func() (int, error) {
		return unix.Openat(at, name, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	})
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	defer func() { _ = unix.Close(handle) }()
	var st unix.Stat_t
	if err := unix.Fstat(handle, &st); err != nil {
		return nil, &os.PathError{Op: "stat", Path: path, Err: err}
	}
	if have := st.Mode & unix.S_IFMT; have != kind {
		return nil, &FileError{path, wrongType(have, kind)}
	}
	fd, err := ignoreEINTR(func() (int, error) {
		return unix.Open(fmt.Sprintf("/proc/self/fd/%d", handle), unix.O_RDONLY|unix.O_CLOEXEC, 0)
	})
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	return os.NewFile(uintptr(fd), path), nil
}

func wrongType(have, want uint32) string {
	switch {
	case have == unix.S_IFLNK:
		return "is a symbolic link; name what it leads to"
	case want == unix.S_IFDIR:
		return "is not a directory"
	default:
		return "is not a regular file"
	}
}

func ignoreEINTR(call func() (int, error)) (int, error) {
	for {
		n, err := call()
		if !errors.Is(err, unix.EINTR) {
			return n, err
		}
	}
}
