package fsys

import "golang.org/x/sys/unix"

// Write writes where the file stands, or at its end if it appends. It writes less than p when the quota
// ends within it, and returns ENOSPC when it has ended.
func (n *Node) Write(p []byte) (int, error) {
	return n.put(p, -1)
}

// WriteAt writes at an offset, also to a file that appends.
func (n *Node) WriteAt(p []byte, offset int64) (int, error) {
	if offset < 0 {
		return 0, unix.EINVAL
	}
	if n.append {
		if err := n.SetAppend(false); err != nil {
			return 0, err
		}
		defer func() { _ = n.SetAppend(true) }()
	}
	return n.put(p, offset)
}

// put writes at an offset, or where the file stands if that is negative.
func (n *Node) put(p []byte, offset int64) (int, error) {
	if err := n.file(n.write); err != nil {
		return 0, err
	}
	var size, at int64
	if n.mount.account != nil {
		var err error
		if size, at, err = n.where(offset); err != nil {
			return 0, err
		}
		allowed, err := n.mount.room(len(p), at, size)
		if err != nil {
			return 0, err
		}
		p = p[:allowed]
	}
	wrote, err := again(func() (int, error) {
		if offset < 0 {
			return unix.Write(n.fd, p)
		}
		return unix.Pwrite(n.fd, p, offset)
	})
	if grown := at + int64(wrote) - size; grown > 0 && wrote > 0 {
		_ = n.mount.charge(grown)
	}
	return wrote, err
}

// where returns the file's size and where it will be written.
func (n *Node) where(offset int64) (size, at int64, err error) {
	var st unix.Stat_t
	if err := unix.Fstat(n.fd, &st); err != nil {
		return 0, 0, err
	}
	switch {
	case offset >= 0:
		return st.Size, offset, nil
	case n.append:
		return st.Size, st.Size, nil
	}
	at, err = unix.Seek(n.fd, 0, unix.SEEK_CUR)
	return st.Size, at, err
}

// Truncate sets the file's size.
func (n *Node) Truncate(size int64) error {
	return n.resize(size, func() error { return unix.Ftruncate(n.fd, size) })
}

// Allocate makes sure that there is room for length bytes from offset on, and the file as large.
func (n *Node) Allocate(offset, length int64) error {
	if offset < 0 || length <= 0 || offset+length < 0 {
		return unix.EINVAL
	}
	var st unix.Stat_t
	if err := unix.Fstat(n.fd, &st); err != nil {
		return err
	}
	size := max(st.Size, offset+length)
	return n.resize(size, func() error { return unix.Fallocate(n.fd, 0, offset, length) })
}

// resize charges for a new size, then calls set.
func (n *Node) resize(size int64, set func() error) error {
	if err := n.file(n.write); err != nil {
		return err
	}
	var st unix.Stat_t
	if err := unix.Fstat(n.fd, &st); err != nil {
		return err
	}
	if err := n.mount.charge(size - st.Size); err != nil {
		return err
	}
	err := set()
	if err != nil {
		_ = n.mount.charge(st.Size - size)
	}
	return err
}
