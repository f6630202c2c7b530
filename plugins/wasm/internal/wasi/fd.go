package wasi

import (
	"encoding/binary"

	"golang.org/x/sys/unix"
)

// fdflags of preview 1.
const (
	flagAppend   = 1 << 0
	flagDsync    = 1 << 1
	flagNonblock = 1 << 2
	flagRsync    = 1 << 3
	flagSync     = 1 << 4
	flagsAll     = 1<<5 - 1
)

// advice holds the system's advice for each of preview 1's.
var advice = [...]int{
	unix.FADV_NORMAL, unix.FADV_SEQUENTIAL, unix.FADV_RANDOM, unix.FADV_WILLNEED, unix.FADV_DONTNEED, unix.FADV_NOREUSE,
}

func (j *job) fdAdvise(_ memory, a []uint64) Errno {
	f, errno := j.node(a[0], rightFdAdvise)
	switch {
	case errno != success:
		return errno
	case a[3] >= uint64(len(advice)), int64(a[1]) < 0, int64(a[2]) < 0:
		return eInval
	case f.node.IsDir():
		return eBadf
	}
	return toErrno(f.node.Advise(int64(a[1]), int64(a[2]), advice[a[3]]))
}

func (j *job) fdAllocate(_ memory, a []uint64) Errno {
	f, errno := j.node(a[0], rightFdAllocate)
	if errno != success {
		return errno
	}
	return toErrno(f.node.Allocate(int64(a[1]), int64(a[2])))
}

func (j *job) fdSync(_ memory, a []uint64) Errno     { return j.sync(a[0], rightFdSync, false) }
func (j *job) fdDatasync(_ memory, a []uint64) Errno { return j.sync(a[0], rightFdDatasync, true) }

func (j *job) sync(fd uint64, need rights, dataOnly bool) Errno {
	f, errno := j.node(fd, need)
	if errno != success {
		return errno
	}
	return toErrno(f.node.Sync(dataOnly))
}

// fdstatGet tells type, flags and rights.
func (j *job) fdstatGet(m memory, a []uint64) Errno {
	f := j.files.get(a[0])
	if f == nil {
		return eBadf
	}
	b, ok := m.view(a[1], 24)
	if !ok {
		return eFault
	}
	clear(b)
	b[0] = f.filetype()
	binary.LittleEndian.PutUint16(b[2:], f.flags)
	binary.LittleEndian.PutUint64(b[8:], uint64(f.base))
	binary.LittleEndian.PutUint64(b[16:], uint64(f.inheriting))
	return success
}

// fdstatSetFlags sets append and non-blocking mode. Linux cannot change the others once a file is open.
func (j *job) fdstatSetFlags(_ memory, a []uint64) Errno {
	f, errno := j.file(a[0], rightFdstatSetFlags)
	if errno != success {
		return errno
	}
	const settable = flagAppend | flagNonblock
	if a[1]&^flagsAll != 0 || (uint16(a[1])^f.flags)&^settable&flagsAll != 0 {
		return eInval
	}
	if f.kind == kindNode {
		if err := f.node.SetAppend(a[1]&flagAppend != 0); err != nil {
			return toErrno(err)
		}
	}
	f.flags = uint16(a[1])
	return success
}

func (j *job) fdSeek(m memory, a []uint64) Errno {
	if a[2] > 2 {
		return eInval
	}
	need := rightFdSeek
	if a[1] == 0 && a[2] == unix.SEEK_CUR {
		need = rightFdTell
	}
	return j.seek(m, a[0], need, int64(a[1]), int(a[2]), a[3])
}

func (j *job) fdTell(m memory, a []uint64) Errno {
	return j.seek(m, a[0], rightFdTell, 0, unix.SEEK_CUR, a[1])
}

func (j *job) seek(m memory, fd uint64, need rights, offset int64, whence int, result uint64) Errno {
	f := j.files.get(fd)
	switch {
	case f == nil:
		return eBadf
	case f.kind != kindNode:
		return toErrno(unix.ESPIPE)
	case f.node.IsDir():
		return eBadf
	case f.base&need != need:
		return eNotcapable
	}
	at, err := f.node.Seek(offset, whence)
	if err != nil {
		return toErrno(err)
	}
	return m.put64(result, uint64(at))
}

// prestatGet tells that a descriptor is a mount, and how long its name is.
func (j *job) prestatGet(m memory, a []uint64) Errno {
	f := j.files.get(a[0])
	if f == nil || !f.preopen {
		return eBadf
	}
	return m.put64(a[1], uint64(len(f.node.Guest()))<<32) // the tag of a directory is 0
}

func (j *job) prestatDirName(m memory, a []uint64) Errno {
	f := j.files.get(a[0])
	if f == nil || !f.preopen {
		return eBadf
	}
	name := f.node.Guest()
	if a[2] < uint64(len(name)) {
		return eNameTooLon
	}
	b, ok := m.view(a[1], uint64(len(name)))
	if !ok {
		return eFault
	}
	copy(b, name)
	return success
}
