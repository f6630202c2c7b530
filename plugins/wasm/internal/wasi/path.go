package wasi

import (
	"golang.org/x/sys/unix"

	"github.com/soltihq/solti-host/plugins/wasm/internal/fsys"
)

// Flags of preview 1 for paths.
const (
	lookupFollow = 1 << 0

	openCreate    = 1 << 0
	openDirectory = 1 << 1
	openExclusive = 1 << 2
	openTruncate  = 1 << 3
)

// at returns an open directory and a path beneath it.
func (j *job) at(m memory, fd uint64, need rights, path, length uint64) (*file, string, Errno) {
	f, errno := j.directory(fd, need)
	if errno != success {
		return nil, "", errno
	}
	name, errno := m.path(path, length)
	return f, name, errno
}

// one does something to a path: fd, path, length.
func (j *job) one(m memory, a []uint64, need rights, do func(n *fsys.Node, path string) error) Errno {
	f, path, errno := j.at(m, a[0], need, a[1], a[2])
	if errno != success {
		return errno
	}
	return toErrno(do(f.node, path))
}

func (j *job) pathCreateDirectory(m memory, a []uint64) Errno {
	return j.one(m, a, rightPathCreateDirectory, (*fsys.Node).Mkdir)
}

func (j *job) pathRemoveDirectory(m memory, a []uint64) Errno {
	return j.one(m, a, rightPathRemoveDirectory, (*fsys.Node).Rmdir)
}

func (j *job) pathUnlinkFile(m memory, a []uint64) Errno {
	return j.one(m, a, rightPathUnlinkFile, (*fsys.Node).Unlink)
}

func (j *job) pathFilestatGet(m memory, a []uint64) Errno {
	f, path, errno := j.at(m, a[0], rightPathFilestatGet, a[2], a[3])
	if errno != success {
		return errno
	}
	var st unix.Stat_t
	if err := f.node.StatAt(path, a[1]&lookupFollow != 0, &st); err != nil {
		return toErrno(err)
	}
	return putStat(m, a[4], &st)
}

func (j *job) pathFilestatSetTimes(m memory, a []uint64) Errno {
	f, path, errno := j.at(m, a[0], rightPathFilestatSetTimes, a[2], a[3])
	if errno != success {
		return errno
	}
	times, errno := timesOf(a[4], a[5], a[6])
	if errno != success {
		return errno
	}
	return toErrno(f.node.SetTimesAt(path, a[1]&lookupFollow != 0, &times))
}

// pathLink does not follow a link at the end: the new name would be one of a file that the path does not name.
func (j *job) pathLink(m memory, a []uint64) Errno {
	from, path, errno := j.at(m, a[0], rightPathLinkSource, a[2], a[3])
	if errno != success {
		return errno
	}
	to, toPath, errno := j.at(m, a[4], rightPathLinkTarget, a[5], a[6])
	switch {
	case errno != success:
		return errno
	case a[1]&lookupFollow != 0:
		return eInval
	}
	return toErrno(from.node.Link(path, to.node, toPath))
}

func (j *job) pathRename(m memory, a []uint64) Errno {
	from, path, errno := j.at(m, a[0], rightPathRenameSource, a[1], a[2])
	if errno != success {
		return errno
	}
	to, toPath, errno := j.at(m, a[3], rightPathRenameTarget, a[4], a[5])
	if errno != success {
		return errno
	}
	return toErrno(from.node.Rename(path, to.node, toPath))
}

func (j *job) pathSymlink(m memory, a []uint64) Errno {
	text, errno := m.path(a[0], a[1])
	if errno != success {
		return errno
	}
	f, path, errno := j.at(m, a[2], rightPathSymlink, a[3], a[4])
	if errno != success {
		return errno
	}
	return toErrno(f.node.Symlink(text, path))
}

// pathReadlink writes as much of the text as there is room for.
func (j *job) pathReadlink(m memory, a []uint64) Errno {
	f, path, errno := j.at(m, a[0], rightPathReadlink, a[1], a[2])
	if errno != success {
		return errno
	}
	b, ok := m.view(a[3], a[4])
	if !ok {
		return eFault
	}
	n, err := f.node.Readlink(path, b)
	if err != nil {
		return toErrno(err)
	}
	return m.put32(a[5], uint32(n))
}

// pathOpen opens fd, lookup flags, path, length, open flags, rights, inheriting rights, fdflags, result.
func (j *job) pathOpen(m memory, a []uint64) Errno {
	need := rightPathOpen
	if a[4]&openCreate != 0 {
		need |= rightPathCreateFile
	}
	if a[4]&openTruncate != 0 {
		need |= rightPathFilestatSetSize
	}
	f, path, errno := j.at(m, a[0], need, a[2], a[3])
	if errno != success {
		return errno
	}
	open, errno := openOf(a)
	if errno != success {
		return errno
	}
	node, err := f.node.Open(path, open)
	if err != nil {
		return toErrno(err)
	}
	child := &file{kind: kindNode, node: node, flags: uint16(a[7]), inheriting: f.inheriting}
	child.base = f.inheriting & rightsOf(node)
	if node.IsDir() {
		child.flags &^= flagAppend
	} else {
		child.inheriting = 0
	}
	fd := j.files.add(child)
	if errno := m.put32(a[8], fd); errno != success {
		j.files.files[fd] = nil
		node.Close()
		return errno
	}
	return success
}

// openOf returns how path_open's arguments say that a path is to be opened.
func openOf(a []uint64) (fsys.Open, Errno) {
	oflags, want, fdflags := a[4], rights(a[5]), a[7]
	o := fsys.Open{
		Follow: a[1]&lookupFollow != 0,
		Create: oflags&openCreate != 0, Directory: oflags&openDirectory != 0,
		Exclusive: oflags&openExclusive != 0, Truncate: oflags&openTruncate != 0,
		Read: want&(rightFdRead|rightFdReaddir) != 0, Write: want&rightFdWrite != 0,
		Append: fdflags&flagAppend != 0, DataSync: fdflags&flagDsync != 0,
		Sync: fdflags&(flagSync|flagRsync) != 0,
	}
	switch {
	case fdflags&^flagsAll != 0, o.Directory && (o.Create || o.Exclusive || o.Truncate):
		return o, eInval
	case o.Directory && o.Write:
		return o, eIsdir
	}
	return o, success
}

// rightsOf returns what may be done with a node.
func rightsOf(n *fsys.Node) rights {
	if n.IsDir() {
		return directoryRights
	}
	r := fileRights
	if !n.Readable() {
		r &^= readRights
	}
	if !n.Writable() {
		r &^= writeRights
	}
	return r
}
