package fsys

import (
	"errors"
	"unsafe"

	"golang.org/x/sys/unix"
)

// at opens what is at a path, without access to it, and calls use.
func (n *Node) at(path string, follow bool, use func(fd int) error) error {
	if !n.dir {
		return unix.ENOTDIR
	}
	flags := unix.O_PATH
	if !follow {
		flags |= unix.O_NOFOLLOW
	}
	fd, err := n.open(path, flags, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return use(fd)
}

// StatAt describes what is at a path.
func (n *Node) StatAt(path string, follow bool, st *unix.Stat_t) error {
	return n.at(path, follow, func(fd int) error { return unix.Fstat(fd, st) })
}

// SetTimesAt is SetTimes for a path.
func (n *Node) SetTimesAt(path string, follow bool, times *[2]unix.Timespec) error {
	if !n.mount.writable {
		return n.tree.refuse(unix.EROFS)
	}
	return n.at(path, follow, func(fd int) error {
		return unix.UtimesNanoAt(fd, "", times[:], unix.AT_EMPTY_PATH)
	})
}

// Readlink writes the text of a symbolic link to buf, as much as fits.
func (n *Node) Readlink(path string, buf []byte) (int, error) {
	if len(buf) == 0 {
		return 0, nil
	}
	length := 0
	err := n.at(path, false, func(fd int) (err error) {
		length, err = unix.Readlinkat(fd, "", buf)
		if errors.Is(err, unix.ENOENT) { // what Linux says of a descriptor that is not a link
			err = unix.EINVAL
		}
		return err
	})
	return length, err
}

func setTimes(fd int, times *[2]unix.Timespec) error {
	_, _, errno := unix.Syscall6(unix.SYS_UTIMENSAT, uintptr(fd), 0, uintptr(unsafe.Pointer(times)), 0, 0, 0)
	if errno != 0 {
		return errno
	}
	return nil
}
