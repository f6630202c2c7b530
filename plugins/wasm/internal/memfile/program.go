package memfile

import (
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// sealExec keeps a file's permission to be executed as it is, from Linux 6.3 on.
const sealExec = 0x20

// Program makes a sealed file that holds data and can be executed. A system that forbids programs in memory
// makes it fail (vm.memfd_noexec), or forbids their start.
func Program(name, data string) (*os.File, error) {
	const flags = unix.MFD_CLOEXEC | unix.MFD_ALLOW_SEALING
	fd, err := unix.MemfdCreate(name, flags|unix.MFD_EXEC)
	if errors.Is(err, unix.EINVAL) { // before Linux 6.3
		fd, err = unix.MemfdCreate(name, flags)
	}
	if err != nil {
		return nil, fmt.Errorf("make a program in memory: %w", err)
	}
	f := os.NewFile(uintptr(fd), name)
	if _, err = io.WriteString(f, data); err == nil {
		_ = collapse(f, len(data)) // only sooner
		_, _ = unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, sealExec)
		err = Seal(f)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("fill a program in memory: %w", err), f.Close())
	}
	return f, nil
}
