package wasi

import (
	"encoding/binary"

	"golang.org/x/sys/unix"

	"github.com/soltihq/solti-host/plugins/wasm/internal/fsys"
)

const direntSize = 24

// typeOfEntry holds the type for what Linux says in a directory.
var typeOfEntry = map[uint8]byte{
	unix.DT_BLK: typeBlock, unix.DT_CHR: typeCharacter, unix.DT_DIR: typeDirectory, unix.DT_REG: typeRegular,
	unix.DT_SOCK: typeStream, unix.DT_LNK: typeSymlink,
}

// fdReaddir fills a buffer with entries from a cookie on. The last is cut where the buffer ends, which tells
// the guest that there are more.
func (j *job) fdReaddir(m memory, a []uint64) Errno {
	f, errno := j.directory(a[0], rightFdReaddir)
	if errno != success {
		return errno
	}
	b, ok := m.view(a[1], a[2])
	if !ok {
		return eFault
	}
	used := 0
	err := f.node.ReadDir(a[3], len(b), func(e fsys.Entry) bool {
		var head [direntSize]byte
		binary.LittleEndian.PutUint64(head[:], e.Next)
		binary.LittleEndian.PutUint64(head[8:], e.Inode)
		binary.LittleEndian.PutUint32(head[16:], uint32(len(e.Name)))
		head[20] = typeOfEntry[e.Type]
		used += copy(b[used:], head[:])
		used += copy(b[used:], e.Name)
		return used < len(b)
	})
	if err != nil {
		return toErrno(err)
	}
	return m.put32(a[4], uint32(used))
}
