package fsys

import (
	"errors"

	"golang.org/x/sys/unix"
)

// Open says how a path is to be opened.
type Open struct {
	Follow    bool // a symbolic link at the end of the path
	Create    bool
	Exclusive bool
	Truncate  bool
	Directory bool // fail with ENOTDIR if it is something else
	Read      bool
	Write     bool
	Append    bool
	Sync      bool // as O_SYNC
	DataSync  bool // as O_DSYNC
}

// Open opens a file or directory beneath a directory.
func (n *Node) Open(path string, o Open) (*Node, error) {
	if !n.dir {
		return nil, unix.ENOTDIR
	}
	if n.tree.left <= 0 {
		return nil, unix.EMFILE
	}
	create := o.Create
	if !n.mount.writable {
		if o.Write || o.Truncate {
			return nil, n.tree.refuse(unix.EROFS)
		}
		o.Create = false
	}
	fresh, err := n.probe(path, &o)
	if err != nil {
		if errors.Is(err, unix.ENOENT) && create && !o.Create {
			err = n.tree.refuse(unix.EROFS)
		}
		return nil, err
	}
	if fresh {
		if err := n.mount.charge(NameCost); err != nil {
			return nil, err
		}
	}
	child, err := n.openProbed(path, o)
	if err != nil && fresh {
		_ = n.mount.charge(-NameCost)
	}
	return child, err
}

// probe looks at what is at path without opening it, for opening a device or fifo can have effects. It
// reports whether there is nothing, and Open will make it.
func (n *Node) probe(path string, o *Open) (fresh bool, err error) {
	flags := unix.O_PATH
	if !o.Follow {
		flags |= unix.O_NOFOLLOW
	}
	fd, err := n.open(path, flags, 0)
	if errors.Is(err, unix.ENOENT) && o.Create {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return false, err
	}
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFREG, unix.S_IFDIR, unix.S_IFLNK: // a link fails when it is opened
		return false, nil
	}
	return false, n.tree.refuse(unix.EACCES)
}

func (n *Node) openProbed(path string, o Open) (*Node, error) {
	fd, err := n.open(path, o.flags(), 0o666&o.mode())
	if err != nil {
		return nil, err
	}
	child := &Node{tree: n.tree, mount: n.mount, fd: fd, read: o.Read || !o.Write, write: o.Write, append: o.Append}
	var st unix.Stat_t
	if err = unix.Fstat(fd, &st); err == nil {
		switch st.Mode & unix.S_IFMT {
		case unix.S_IFDIR:
			child.dir, child.write = true, false
		case unix.S_IFREG:
			err = child.begin(&st, o.Truncate)
		default:
			err = n.tree.refuse(unix.EACCES)
		}
	}
	if err != nil {
		unix.Close(fd)
		return nil, err
	}
	n.tree.left--
	n.tree.opens.Add(1)
	return child, nil
}

// begin makes a file known to the account, and empty if that was asked for.
func (n *Node) begin(st *unix.Stat_t, truncate bool) error {
	n.id = inodeOf(st)
	if truncate && st.Size > 0 {
		if err := unix.Ftruncate(n.fd, 0); err != nil {
			return err
		}
		_ = n.mount.charge(-st.Size)
	}
	n.mount.opened(n.id)
	return nil
}

// flags returns the kernel's flags. Truncation is not among them, for the size before has to be known.
func (o Open) flags() int {
	flags := unix.O_NONBLOCK | unix.O_NOCTTY
	write := o.Write || o.Truncate
	switch {
	case write && o.Read:
		flags |= unix.O_RDWR
	case write:
		flags |= unix.O_WRONLY
	}
	return flags | when(!o.Follow, unix.O_NOFOLLOW) | when(o.Create, unix.O_CREAT) | when(o.Exclusive, unix.O_EXCL) |
		when(o.Directory, unix.O_DIRECTORY) | when(o.Append, unix.O_APPEND) |
		when(o.Sync, unix.O_SYNC) | when(o.DataSync, unix.O_DSYNC)
}

func when(set bool, flag int) int {
	if set {
		return flag
	}
	return 0
}

// mode returns all bits if a file may be made; openat2 refuses a mode otherwise.
func (o Open) mode() uint32 {
	if o.Create {
		return 0o777
	}
	return 0
}
