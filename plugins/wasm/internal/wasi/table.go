package wasi

import (
	"golang.org/x/sys/unix"

	"github.com/soltihq/solti-host/plugins/wasm/internal/fsys"
)

// A fileKind is what a descriptor stands for.
type fileKind uint8

const (
	kindStdin fileKind = iota
	kindOutput
	kindNode
	kindListener
	kindConnection
)

// A file is what stands behind a guest's descriptor.
type file struct {
	kind       fileKind
	preopen    bool       // told by fd_prestat_get
	flags      uint16     // fdflags
	fd         int        // of stdin and sockets; the stream of an output
	node       *fsys.Node // of a kindNode
	base       rights
	inheriting rights
}

// A table gives a guest's files their numbers: the lowest that is free.
type table struct{ files []*file }

func (t *table) add(f *file) uint32 {
	for i, at := range t.files {
		if at == nil {
			t.files[i] = f
			return uint32(i)
		}
	}
	t.files = append(t.files, f)
	return uint32(len(t.files) - 1)
}

// get returns the file of a number, or nil.
func (t *table) get(fd uint64) *file {
	if fd >= uint64(len(t.files)) {
		return nil
	}
	return t.files[fd]
}

func (t *table) all() []*file { return t.files }

// file returns a file of which all the rights are held.
func (j *job) file(fd uint64, need rights) (*file, Errno) {
	f := j.files.get(fd)
	switch {
	case f == nil:
		return nil, eBadf
	case f.base&need != need:
		return nil, eNotcapable
	}
	return f, success
}

// node is file for what is a file or directory of a mount; anything else has not the rights.
func (j *job) node(fd uint64, need rights) (*file, Errno) {
	f, errno := j.file(fd, need)
	if errno == success && f.kind != kindNode {
		return nil, eNotsup
	}
	return f, errno
}

// directory is node for directories.
func (j *job) directory(fd uint64, need rights) (*file, Errno) {
	f := j.files.get(fd)
	switch {
	case f == nil:
		return nil, eBadf
	case f.kind != kindNode || !f.node.IsDir():
		return nil, eNotdir
	case f.base&need != need:
		return nil, eNotcapable
	}
	return f, success
}

// shut closes what a descriptor stood for.
func (j *job) shut(f *file) {
	switch {
	case f == nil:
	case f.kind == kindNode:
		f.node.Close()
	case f.kind == kindConnection:
		unix.Close(f.fd)
		j.Tree.Give()
	case f.kind != kindOutput && f.fd >= 0:
		unix.Close(f.fd)
	}
}

func (j *job) fdClose(_ memory, a []uint64) Errno {
	f := j.files.get(a[0])
	if f == nil {
		return eBadf
	}
	j.files.files[a[0]] = nil
	j.shut(f)
	return success
}

// fdRenumber moves a file to another number, whose file is closed. Both have to be there.
func (j *job) fdRenumber(_ memory, a []uint64) Errno {
	from, to := j.files.get(a[0]), j.files.get(a[1])
	if from == nil || to == nil {
		return eBadf
	}
	if from != to {
		j.files.files[a[0]], j.files.files[a[1]] = nil, from
		j.shut(to)
	}
	return success
}
