package guest

import "golang.org/x/sys/unix"

// Executable finds out whether memory that was written may be executed here, without which there is no native
// code. Services and containers can be forbidden it, with all that they start. It returns nil or the reason.
func Executable() error {
	b, err := unix.Mmap(-1, 0, unix.Getpagesize(), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		return err
	}
	err = unix.Mprotect(b, unix.PROT_READ|unix.PROT_EXEC)
	_ = unix.Munmap(b)
	return err
}
