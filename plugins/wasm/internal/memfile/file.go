package memfile

import (
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// seals are what [Seal] puts on a file.
const seals = unix.F_SEAL_SEAL | unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_WRITE

// New makes an empty file. The name is seen in /proc only, and need not be unique.
func New(name string) (*os.File, error) {
	fd, err := unix.MemfdCreate(name, unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING|unix.MFD_NOEXEC_SEAL)
	if errors.Is(err, unix.EINVAL) { // before Linux 6.3
		fd, err = unix.MemfdCreate(name, unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	}
	if err != nil {
		return nil, fmt.Errorf("make a file in memory: %w", err)
	}
	return os.NewFile(uintptr(fd), name), nil
}

// Of makes a sealed file that holds data.
func Of(name string, data []byte) (*os.File, error) {
	f, err := New(name)
	if err != nil {
		return nil, err
	}
	if _, err = f.Write(data); err == nil {
		err = Seal(f)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("fill a file in memory: %w", err), f.Close())
	}
	return f, nil
}

// sealTries bounds how often [Seal] asks. The kernel itself waits about a tenth of a second each time.
const sealTries = 20

// Seal makes f as it is now what it is for ever, and sets its offset to 0. It fails as long as somebody has
// the file mapped writable, and asks again for a while, because the kernel says the same of pages that it is
// just moving about.
func Seal(f *os.File) error {
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("rewind a file in memory: %w", err)
	}
	return control(f, func(fd uintptr) error {
		var err error
		for range sealTries {
			if _, err = unix.FcntlInt(fd, unix.F_ADD_SEALS, seals); !errors.Is(err, unix.EBUSY) {
				break
			}
		}
		if err != nil {
			return fmt.Errorf("seal a file in memory: %w", err)
		}
		return nil
	})
}

// Sealed reports whether f is a file in memory that nobody can change.
func Sealed(f *os.File) bool {
	sealed := false
	_ = control(f, func(fd uintptr) error {
		have, err := unix.FcntlInt(fd, unix.F_GET_SEALS, 0)
		sealed = err == nil && have&seals == seals
		return err
	})
	return sealed
}

// Dup returns a descriptor of its own for the file. Both share one offset: use ReadAt.
func Dup(f *os.File) (*os.File, error) {
	var dup *os.File
	err := control(f, func(fd uintptr) error {
		n, err := unix.FcntlInt(fd, unix.F_DUPFD_CLOEXEC, 0)
		if err != nil {
			return fmt.Errorf("duplicate a descriptor: %w", err)
		}
		dup = os.NewFile(uintptr(n), f.Name())
		return nil
	})
	return dup, err
}

func control(f *os.File, do func(fd uintptr) error) error {
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var result error
	if err := raw.Control(func(fd uintptr) { result = do(fd) }); err != nil {
		return err
	}
	return result
}
