package fsys

import (
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// NameCost is what a name counts in a mount with a quota, so that empty files are not free.
const NameCost = 256

// An account keeps how much a job has added to a mount. Nil stands for no quota, and allows everything.
type account struct {
	left    int64
	refused *atomic.Uint64 // counts what there was no room for
	open    map[inode]int  // Nodes of files
	orphans map[inode]bool // files without a name that are still open
}

type inode struct{ dev, ino uint64 }

func inodeOf(st *unix.Stat_t) inode { return inode{st.Dev, st.Ino} }

func newAccount(quota uint64, refused *atomic.Uint64) *account {
	if quota == 0 {
		return nil
	}
	return &account{left: int64(min(quota, 1<<62)), refused: refused, open: map[inode]int{}, orphans: map[inode]bool{}}
}

// charge takes n bytes, or gives them back if negative. It returns ENOSPC if there are not as many.
func (a *account) charge(n int64) error {
	if a == nil {
		return nil
	}
	if n > 0 && n > a.left {
		a.refused.Add(1)
		return unix.ENOSPC
	}
	a.left -= n
	return nil
}

// room cuts a write of n bytes at an offset to what may be added to a file of some size.
func (a *account) room(n int, offset, size int64) (int, error) {
	if a == nil || n == 0 {
		return n, nil
	}
	allowed := max(size-offset, 0)
	if offset <= size || offset-size < a.left {
		allowed = size - offset + max(a.left, 0)
	}
	if allowed <= 0 {
		a.refused.Add(1)
		return 0, unix.ENOSPC
	}
	return int(min(int64(n), allowed)), nil
}

// opened and closed keep which files are open.
func (a *account) opened(id inode) {
	if a != nil {
		a.open[id]++
	}
}

func (a *account) closed(id inode, size int64) {
	if a == nil {
		return
	}
	if a.open[id]--; a.open[id] > 0 {
		return
	}
	delete(a.open, id)
	if a.orphans[id] {
		delete(a.orphans, id)
		a.left += size
	}
}

// removed gives back what a name, and the file it was the last name of, had taken.
func (a *account) removed(st *unix.Stat_t) {
	if a == nil {
		return
	}
	a.left += NameCost
	switch {
	case st.Mode&unix.S_IFMT != unix.S_IFREG || st.Nlink > 1:
	case a.open[inodeOf(st)] > 0:
		a.orphans[inodeOf(st)] = true
	default:
		a.left += st.Size
	}
}
