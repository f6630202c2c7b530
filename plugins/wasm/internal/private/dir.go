package private

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// An UnsafeError says that a file or a directory cannot be trusted as it is.
type UnsafeError struct {
	Path    string
	Problem string // what is wrong, and what to do
}

func (e *UnsafeError) Error() string { return e.Path + ": " + e.Problem }

// A Dir is an open directory of our own. Its methods may be called from any goroutine.
type Dir struct {
	file *os.File
	fd   int
	path string
}

// Open opens the directory, which is made if it is missing, with the directories above. A directory
// that is a symbolic link, belongs to somebody else or is open to others is an [UnsafeError].
func Open(path string) (*Dir, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	return openDir(unix.AT_FDCWD, path, path)
}

// Sub opens a directory within, which is made if it is missing.
func (d *Dir) Sub(name string) (*Dir, error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	return openDir(d.fd, name, filepath.Join(d.path, name))
}

func openDir(at int, name, path string) (*Dir, error) {
	if err := unix.Mkdirat(at, name, 0o700); err != nil && !errors.Is(err, unix.EEXIST) {
		return nil, &fs.PathError{Op: "mkdir", Path: path, Err: err}
	}
	fd, err := unix.Openat(at, name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	switch {
	case errors.Is(err, unix.ELOOP), errors.Is(err, unix.ENOTDIR):
		return nil, &UnsafeError{path, "is a symbolic link or no directory; remove it, or name the directory itself"}
	case err != nil:
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	d := &Dir{file: os.NewFile(uintptr(fd), path), fd: fd, path: path}
	if err := checkDir(fd, path); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

func checkDir(fd int, path string) error {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return &fs.PathError{Op: "stat", Path: path, Err: err}
	}
	return checkOwner(&st, path)
}

// checkOwner wants a file or directory that is ours and nobody else's.
func checkOwner(st *unix.Stat_t, path string) error {
	if own := os.Geteuid(); int(st.Uid) != own {
		return &UnsafeError{path, fmt.Sprintf("belongs to uid %d, not to uid %d, which this process runs as", st.Uid, own)}
	}
	if st.Mode&0o077 != 0 {
		return &UnsafeError{path, fmt.Sprintf("has mode %#o, which lets others in; chmod go= it", st.Mode&0o7777)}
	}
	return nil
}

// checkName wants one element of a path.
func checkName(name string) error {
	if name == "" || name == "." || name == ".." || strings.ContainsAny(name, "/\x00") {
		return fmt.Errorf("%q is not the name of a file", name)
	}
	return nil
}

// Path is where the directory was when it was opened.
func (d *Dir) Path() string { return d.path }

// Close releases the directory. Nobody may use it any more.
func (d *Dir) Close() error { return d.file.Close() }

// Sync makes the names in the directory durable.
func (d *Dir) Sync() error { return d.file.Sync() }

// Remove removes a file. That there is none is no error.
func (d *Dir) Remove(name string) error {
	if err := checkName(name); err != nil {
		return err
	}
	if err := unix.Unlinkat(d.fd, name, 0); err != nil && !errors.Is(err, unix.ENOENT) {
		return d.pathError("remove", name, err)
	}
	return nil
}

// Touch marks a file as used now, for [Dir.Evict].
func (d *Dir) Touch(name string) error {
	now := []unix.Timespec{{Nsec: unix.UTIME_NOW}, {Nsec: unix.UTIME_NOW}}
	if err := unix.UtimesNanoAt(d.fd, name, now, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return d.pathError("touch", name, err)
	}
	return nil
}

func (d *Dir) pathError(op, name string, err error) error {
	return &fs.PathError{Op: op, Path: filepath.Join(d.path, name), Err: err}
}
