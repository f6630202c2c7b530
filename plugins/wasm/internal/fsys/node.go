package fsys

import (
	"errors"

	"golang.org/x/sys/unix"
)

// A Node is a file or directory that a guest has open.
type Node struct {
	tree  *Tree
	mount *mount
	fd    int
	id    inode // of a file
	dir   bool

	read, write, append bool
}

// Guest returns where the guest sees the mount that the Node belongs to.
func (n *Node) Guest() string { return n.mount.guest }

// IsDir reports whether it is a directory.
func (n *Node) IsDir() bool { return n.dir }

// Writable reports whether what is below the directory, or in the file, may be changed.
func (n *Node) Writable() bool { return n.mount.writable && (n.dir || n.write) }

// Readable reports whether it was opened for reading.
func (n *Node) Readable() bool { return n.read }

// FD returns the descriptor, for polling.
func (n *Node) FD() int { return n.fd }

// Close closes the Node. A root is closed with its Tree.
func (n *Node) Close() {
	for _, root := range n.tree.roots {
		if root == n {
			return
		}
	}
	if !n.dir && n.mount.account != nil {
		var st unix.Stat_t
		_ = unix.Fstat(n.fd, &st)
		n.mount.closed(n.id, st.Size)
	}
	unix.Close(n.fd)
	n.tree.left++
}

// file returns EISDIR for a directory, and EBADF if the file was not opened for what is asked.
func (n *Node) file(opened bool) error {
	switch {
	case n.dir:
		return unix.EISDIR
	case !opened:
		return unix.EBADF
	}
	return nil
}

// Read reads from where the file stands. It returns 0 at the end.
func (n *Node) Read(p []byte) (int, error) {
	if err := n.file(n.read); err != nil {
		return 0, err
	}
	return again(func() (int, error) { return unix.Read(n.fd, p) })
}

// ReadAt reads from an offset.
func (n *Node) ReadAt(p []byte, offset int64) (int, error) {
	if err := n.file(n.read); err != nil {
		return 0, err
	}
	return again(func() (int, error) { return unix.Pread(n.fd, p, offset) })
}

// Seek sets where the file is read and written next. Whence is one of unix.SEEK_SET, SEEK_CUR, SEEK_END.
func (n *Node) Seek(offset int64, whence int) (int64, error) {
	if err := n.file(true); err != nil {
		return 0, err
	}
	return unix.Seek(n.fd, offset, whence)
}

// Sync writes what was changed to the disk; data without what is not needed to read it.
func (n *Node) Sync(dataOnly bool) error {
	if dataOnly {
		return unix.Fdatasync(n.fd)
	}
	return unix.Fsync(n.fd)
}

// Advise tells the kernel how the file will be read. Advice is one of unix.FADV_NORMAL and so on.
func (n *Node) Advise(offset, length int64, advice int) error {
	if err := n.file(true); err != nil {
		return err
	}
	return unix.Fadvise(n.fd, offset, length, advice)
}

// SetAppend sets whether each write goes to the end of the file.
func (n *Node) SetAppend(on bool) error {
	if n.dir || n.append == on {
		return nil
	}
	flags := unix.O_NONBLOCK
	if on {
		flags |= unix.O_APPEND
	}
	if _, err := unix.FcntlInt(uintptr(n.fd), unix.F_SETFL, flags); err != nil {
		return err
	}
	n.append = on
	return nil
}

// Stat describes the Node.
func (n *Node) Stat(st *unix.Stat_t) error { return unix.Fstat(n.fd, st) }

// SetTimes sets when the Node was read and changed. UTIME_NOW and UTIME_OMIT work as with utimensat.
func (n *Node) SetTimes(times *[2]unix.Timespec) error {
	if !n.mount.writable {
		return n.tree.refuse(unix.EROFS)
	}
	return setTimes(n.fd, times)
}

// again repeats what a signal interrupted.
func again(call func() (int, error)) (int, error) {
	for {
		n, err := call()
		if !errors.Is(err, unix.EINTR) {
			return max(n, 0), err
		}
	}
}
