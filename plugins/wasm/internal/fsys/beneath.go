package fsys

import (
	"errors"
	"strings"

	"golang.org/x/sys/unix"
)

// attempts is how often a path is resolved again when the kernel cannot be sure that a rename did not lead
// it out.
const attempts = 64

// beneath opens a path that does not leave the directory. An attempt to leave it is EXDEV.
func beneath(dir int, path string, flags int, mode uint32) (fd int, err error) {
	how := unix.OpenHow{
		Flags:   uint64(flags | unix.O_CLOEXEC | unix.O_LARGEFILE),
		Mode:    uint64(mode),
		Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_MAGICLINKS,
	}
	for range attempts {
		fd, err = unix.Openat2(dir, path, &how)
		if !errors.Is(err, unix.EAGAIN) && !errors.Is(err, unix.EINTR) {
			break
		}
	}
	return fd, err
}

// Resolves returns why the kernel cannot resolve paths beneath a directory, nil if it can.
func Resolves() error {
	fd, err := beneath(unix.AT_FDCWD, ".", unix.O_PATH|unix.O_DIRECTORY, 0)
	if err != nil {
		return err
	}
	return unix.Close(fd)
}

// open opens a path beneath the Node and counts what would have led out of it.
func (n *Node) open(path string, flags int, mode uint32) (int, error) {
	fd, err := beneath(n.fd, path, flags, mode)
	if errors.Is(err, unix.EXDEV) {
		err = n.tree.refuse(unix.EPERM)
	}
	return fd, err
}

// A place is a name in a directory that is open.
type place struct {
	dir  int
	base string // one component; slashes after it are kept, for they mean that it has to be a directory
	own  bool   // dir is to be closed
}

func (p place) close() {
	if p.own {
		unix.Close(p.dir)
	}
}

// place opens the directory of the last component of path. The component itself is not looked at.
func (n *Node) place(path string) (place, error) {
	trimmed := strings.TrimRight(path, "/")
	if trimmed == "" {
		if path == "" {
			return place{}, unix.ENOENT
		}
		return place{}, n.tree.refuse(unix.EPERM)
	}
	at := strings.LastIndexByte(trimmed, '/') + 1
	if at == 0 {
		return place{dir: n.fd, base: path}, nil
	}
	fd, err := n.open(path[:at], unix.O_PATH|unix.O_DIRECTORY, 0)
	if err != nil {
		return place{}, err
	}
	return place{dir: fd, base: path[at:], own: true}, nil
}

// slashed reports whether slashes stand behind the name.
func (p place) slashed() bool { return strings.HasSuffix(p.base, "/") }
