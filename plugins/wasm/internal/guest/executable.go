package guest

import "golang.org/x/sys/unix"

// executable finds out whether memory that was written may be executed, which services and containers can be
// forbidden.
func executable() error {
	b, err := unix.Mmap(-1, 0, unix.Getpagesize(), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		return err
	}
	err = unix.Mprotect(b, unix.PROT_READ|unix.PROT_EXEC)
	_ = unix.Munmap(b)
	return err
}
