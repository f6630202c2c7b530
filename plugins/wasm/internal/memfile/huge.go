package memfile

import (
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// hugePage is the size of the larger pages of amd64, and of arm64 with pages of 4 KiB.
const hugePage = 2 << 20

// collapse has the kernel put what f holds into few large pages: processes that map them start and end
// sooner, by all the small pages that need not be mapped and unmapped one by one. It rounds the size up with
// zeros. Where that cannot be (before Linux 6.1, without that much memory in one piece), f stays as it is.
func collapse(f *os.File, size int) error {
	size = (size + hugePage - 1) &^ (hugePage - 1)
	if err := f.Truncate(int64(size)); err != nil {
		return err
	}
	room, err := unix.Mmap(-1, 0, size+hugePage, unix.PROT_NONE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		return err
	}
	defer func() { _ = unix.Munmap(room) }()
	at := (uintptr(unsafe.Pointer(&room[0])) + hugePage - 1) &^ (hugePage - 1)
	return control(f, func(fd uintptr) error {
		_, _, failure := unix.Syscall6(unix.SYS_MMAP, at, uintptr(size), unix.PROT_READ, unix.MAP_SHARED|unix.MAP_FIXED, fd, 0)
		if failure == 0 {
			_, _, failure = unix.Syscall(unix.SYS_MADVISE, at, uintptr(size), unix.MADV_COLLAPSE)
		}
		if failure != 0 {
			return failure
		}
		return nil
	})
}
