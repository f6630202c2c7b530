package fsys

import "golang.org/x/sys/unix"

// change opens the place of a path whose name is to change.
func (n *Node) change(path string) (place, error) {
	switch {
	case !n.dir:
		return place{}, unix.ENOTDIR
	case !n.mount.writable:
		return place{}, n.tree.refuse(unix.EROFS)
	}
	return n.place(path)
}

// Mkdir makes a directory.
func (n *Node) Mkdir(path string) error {
	return n.makeName(path, func(p place) error { return unix.Mkdirat(p.dir, p.base, 0o777) })
}

// makeName charges for a name, then calls make.
func (n *Node) makeName(path string, make func(place) error) error {
	p, err := n.change(path)
	if err != nil {
		return err
	}
	defer p.close()
	if err := n.mount.charge(NameCost); err != nil {
		return err
	}
	if err = make(p); err != nil {
		_ = n.mount.charge(-NameCost)
	}
	return err
}

// Unlink removes a name that does not stand for a directory.
func (n *Node) Unlink(path string) error { return n.remove(path, 0) }

// Rmdir removes an empty directory.
func (n *Node) Rmdir(path string) error { return n.remove(path, unix.AT_REMOVEDIR) }

func (n *Node) remove(path string, flags int) error {
	p, err := n.change(path)
	if err != nil {
		return err
	}
	defer p.close()
	st := n.lookAt(p)
	if err := unix.Unlinkat(p.dir, p.base, flags); err != nil {
		return err
	}
	if st != nil {
		n.mount.removed(st)
	}
	return nil
}

// lookAt describes what a name stands for, for the account. It returns nil if nobody asks or there is
// nothing.
func (n *Node) lookAt(p place) *unix.Stat_t {
	if n.mount.account == nil || p.slashed() {
		return nil
	}
	var st unix.Stat_t
	if unix.Fstatat(p.dir, p.base, &st, unix.AT_SYMLINK_NOFOLLOW) != nil {
		return nil
	}
	return &st
}

// Rename moves a name within a mount. It replaces what was at the new one, as renameat does.
func (n *Node) Rename(path string, to *Node, toPath string) error {
	if n.mount != to.mount {
		return unix.EXDEV
	}
	from, err := n.change(path)
	if err != nil {
		return err
	}
	defer from.close()
	p, err := to.change(toPath)
	if err != nil {
		return err
	}
	defer p.close()
	source, replaced := n.lookAt(from), n.lookAt(p)
	if err := unix.Renameat(from.dir, from.base, p.dir, p.base); err != nil {
		return err
	}
	if source != nil && replaced != nil && inodeOf(source) != inodeOf(replaced) {
		n.mount.removed(replaced)
	}
	return nil
}

// Link makes a second name for a file.
func (n *Node) Link(path string, to *Node, toPath string) error {
	switch {
	case n.mount != to.mount:
		return unix.EXDEV
	case !n.mount.writable:
		return n.tree.refuse(unix.EROFS)
	case !n.mount.links:
		return n.tree.refuse(unix.EPERM)
	}
	from, err := n.change(path)
	if err != nil {
		return err
	}
	defer from.close()
	if from.slashed() { // the kernel would follow a link
		return unix.ENOTDIR
	}
	return to.makeName(toPath, func(p place) error { return unix.Linkat(from.dir, from.base, p.dir, p.base, 0) })
}

// Symlink makes a symbolic link. Its text may be anything but absolute: where it would lead out it cannot be
// followed.
func (n *Node) Symlink(text, path string) error {
	switch {
	case !n.mount.writable:
		return n.tree.refuse(unix.EROFS)
	case !n.mount.links, len(text) > 0 && text[0] == '/':
		return n.tree.refuse(unix.EPERM)
	}
	return n.makeName(path, func(p place) error { return unix.Symlinkat(text, p.dir, p.base) })
}
