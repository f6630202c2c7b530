package wasi

import (
	"encoding/binary"
	"math"

	"golang.org/x/sys/unix"
)

// Types of files in preview 1.
const (
	typeUnknown     = 0
	typeBlock       = 1
	typeCharacter   = 2
	typeDirectory   = 3
	typeRegular     = 4
	typeDatagram    = 5
	typeStream      = 6
	typeSymlink     = 7
	filestatSize    = 64
	fstTimesAll     = 1<<4 - 1
	fstAccess       = 1 << 0
	fstAccessNow    = 1 << 1
	fstModification = 1 << 2
	fstModifNow     = 1 << 3
)

// filetype returns the type of what is open.
func (f *file) filetype() byte {
	switch f.kind {
	case kindNode:
		if f.node.IsDir() {
			return typeDirectory
		}
		return typeRegular
	case kindListener, kindConnection:
		return typeStream
	}
	return typeUnknown
}

// typeOfMode returns the type that a mode of Linux says.
func typeOfMode(mode uint32) byte {
	switch mode & unix.S_IFMT {
	case unix.S_IFBLK:
		return typeBlock
	case unix.S_IFCHR:
		return typeCharacter
	case unix.S_IFDIR:
		return typeDirectory
	case unix.S_IFREG:
		return typeRegular
	case unix.S_IFSOCK:
		return typeStream
	case unix.S_IFLNK:
		return typeSymlink
	}
	return typeUnknown
}

func putStat(m memory, at uint64, st *unix.Stat_t) Errno {
	b, ok := m.view(at, filestatSize)
	if !ok {
		return eFault
	}
	clear(b)
	b[16] = typeOfMode(st.Mode)
	for _, v := range [...]struct {
		offset int
		value  uint64
	}{
		{0, st.Dev}, {8, st.Ino}, {24, uint64(st.Nlink)}, {32, uint64(st.Size)}, //nolint:unconvert // 32 bits on arm64
		{40, uint64(st.Atim.Nano())}, {48, uint64(st.Mtim.Nano())}, {56, uint64(st.Ctim.Nano())},
	} {
		binary.LittleEndian.PutUint64(b[v.offset:], v.value)
	}
	return success
}

func (j *job) filestatGet(m memory, a []uint64) Errno {
	f, errno := j.file(a[0], rightFdFilestatGet)
	if errno != success {
		return errno
	}
	var st unix.Stat_t
	if f.kind != kindNode {
		b, ok := m.view(a[1], filestatSize)
		if !ok {
			return eFault
		}
		clear(b)
		b[16] = f.filetype()
		return success
	}
	if err := f.node.Stat(&st); err != nil {
		return toErrno(err)
	}
	return putStat(m, a[1], &st)
}

func (j *job) filestatSetSize(_ memory, a []uint64) Errno {
	f, errno := j.node(a[0], rightFdFilestatSetSize)
	switch {
	case errno != success:
		return errno
	case a[1] > math.MaxInt64:
		return eInval
	}
	return toErrno(f.node.Truncate(int64(a[1])))
}

func (j *job) filestatSetTimes(_ memory, a []uint64) Errno {
	f, errno := j.node(a[0], rightFdFilestatSetTimes)
	if errno != success {
		return errno
	}
	times, errno := timesOf(a[1], a[2], a[3])
	if errno != success {
		return errno
	}
	return toErrno(f.node.SetTimes(&times))
}

// timesOf returns what utimensat takes.
func timesOf(access, modification, flags uint64) (times [2]unix.Timespec, errno Errno) {
	const both = fstAccess | fstAccessNow
	if flags&^fstTimesAll != 0 || flags&both == both || flags>>2&both == both {
		return times, eInval
	}
	times[0] = timeOf(access, flags&fstAccess != 0, flags&fstAccessNow != 0)
	times[1] = timeOf(modification, flags&fstModification != 0, flags&fstModifNow != 0)
	return times, success
}

func timeOf(nanos uint64, set, now bool) unix.Timespec {
	switch {
	case now:
		return unix.Timespec{Nsec: unix.UTIME_NOW}
	case set:
		return unix.Timespec{Sec: int64(nanos / 1e9), Nsec: int64(nanos % 1e9)}
	}
	return unix.Timespec{Nsec: unix.UTIME_OMIT}
}
