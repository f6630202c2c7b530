package private

import (
	"errors"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// lockWait is how long a lock of somebody who looks at a file may last. They hold it for microseconds.
const lockWait = time.Second

// Open opens a file for reading. As long as a descriptor of what it returns is open, wherever it was
// passed on to, the file is in use and [Dir.Evict] keeps it. A file that is missing is an error that
// matches fs.ErrNotExist; one that is a link, no regular file, somebody else's or open to others is an
// [UnsafeError].
func (d *Dir) Open(name string) (*os.File, error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	for deadline := time.Now().Add(lockWait); ; time.Sleep(time.Millisecond) {
		file, err := d.open(name)
		if err != nil {
			return nil, err
		}
		err = lock(file, unix.LOCK_SH)
		if err == nil {
			if here, _ := d.Holds(name, file); here {
				return file, nil
			}
			err = unix.ENOENT // removed or replaced before it was locked
		}
		_ = file.Close()
		if time.Now().After(deadline) {
			return nil, d.pathError("lock", name, err)
		}
	}
}

// open opens a file and checks what it is, without a lock.
func (d *Dir) open(name string) (*os.File, error) {
	fd, err := unix.Openat(d.fd, name, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC|unix.O_NOCTTY, 0)
	path := filepath.Join(d.path, name)
	switch {
	case errors.Is(err, unix.ELOOP):
		return nil, &UnsafeError{path, "is a symbolic link"}
	case errors.Is(err, unix.ENXIO):
		return nil, &UnsafeError{path, "is not a regular file"}
	case errors.Is(err, unix.EACCES):
		return nil, &UnsafeError{path, "may not be read by its owner, or belongs to somebody else"}
	case err != nil:
		return nil, d.pathError("open", name, err)
	}
	file := os.NewFile(uintptr(fd), path)
	if err := checkFile(fd, path); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}

func checkFile(fd int, path string) error {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return &os.PathError{Op: "stat", Path: path, Err: err}
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG {
		return &UnsafeError{path, "is not a regular file"}
	}
	return checkOwner(&st, path)
}

// Holds reports whether name still stands for the file.
func (d *Dir) Holds(name string, file *os.File) (bool, error) {
	var mine, there unix.Stat_t
	if err := unix.Fstat(int(file.Fd()), &mine); err != nil {
		return false, err
	}
	if err := unix.Fstatat(d.fd, name, &there, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return false, err
	}
	return mine.Dev == there.Dev && mine.Ino == there.Ino, nil
}

// lock locks the file until all its descriptors are closed, or fails at once.
func lock(file *os.File, how int) error {
	for {
		if err := unix.Flock(int(file.Fd()), how|unix.LOCK_NB); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}
