package fsys

import (
	"bytes"
	"encoding/binary"

	"golang.org/x/sys/unix"
)

// An Entry is a name in a directory.
type Entry struct {
	Next  uint64 // cookie of the entry behind it
	Inode uint64 // 0 for "..", which may lie outside
	Type  uint8  // one of unix.DT_REG and so on
	Name  []byte // valid during the call
}

// ReadDir calls each for the entries from a cookie on, 0 for the first, until each returns false or there
// are no more. It reads about as much at a time as fills room bytes.
func (n *Node) ReadDir(cookie uint64, room int, each func(Entry) bool) error {
	if !n.dir {
		return unix.ENOTDIR
	}
	if _, err := unix.Seek(n.fd, int64(cookie), unix.SEEK_SET); err != nil {
		return err
	}
	buf := make([]byte, min(max(room, 1024), 32<<10))
	for {
		got, err := again(func() (int, error) { return unix.Getdents(n.fd, buf) })
		if err != nil || got == 0 {
			return err
		}
		for rest := buf[:got]; len(rest) > 0; {
			var e Entry
			e, rest = parseEntry(rest)
			if !each(e) {
				return nil
			}
		}
	}
}

// parseEntry takes a struct linux_dirent64 off b.
func parseEntry(b []byte) (Entry, []byte) {
	size := binary.NativeEndian.Uint16(b[16:])
	name, _, _ := bytes.Cut(b[19:size], []byte{0})
	e := Entry{
		Inode: binary.NativeEndian.Uint64(b),
		Next:  binary.NativeEndian.Uint64(b[8:]),
		Type:  b[18],
		Name:  name,
	}
	if string(name) == ".." {
		e.Inode = 0
	}
	return e, b[size:]
}
