package output

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strconv"
	"strings"
	"syscall"
)

// A disk is the output directory. No path leads out of it: it is reached through an os.Root.
// Whatever it makes is readable by the host's user alone, whatever the umask is.
type disk struct {
	root  *os.Root
	write func(f *os.File, b []byte, off int64) (int, error) // os.File.WriteAt, but in tests
}

const (
	fileMode = 0o600
	dirMode  = 0o700

	sharedDir = "shared"
)

func openDisk(dir string) (*disk, error) {
	if err := os.MkdirAll(dir, dirMode); err != nil {
		return nil, err
	}
	if err := os.Chmod(dir, dirMode); err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	d := &disk{root: root, write: (*os.File).WriteAt}
	if err := d.mkdir(sharedDir); err != nil {
		return nil, errors.Join(err, root.Close())
	}
	return d, nil
}

// yielding returns write as it is on a full disk while yield says so.
func yielding(write func(*os.File, []byte, int64) (int, error), yield func() bool) func(*os.File, []byte, int64) (int, error) {
	return func(f *os.File, b []byte, off int64) (int, error) {
		if yield() {
			return 0, syscall.ENOSPC
		}
		return write(f, b, off)
	}
}

// mkdir makes a directory and those above it; it is no error if they exist. Meanwhile those above may
// be removed once or twice, because they are empty.
func (d *disk) mkdir(name string) error {
	for try := 0; ; try++ {
		err := d.makeDir(name)
		if !errors.Is(err, fs.ErrNotExist) || try == 3 {
			return err
		}
	}
}

// makeDir is one try of mkdir.
func (d *disk) makeDir(name string) error {
	err := d.root.Mkdir(name, dirMode)
	if errors.Is(err, fs.ErrNotExist) && path.Dir(name) != "." {
		if err := d.makeDir(path.Dir(name)); err != nil {
			return err
		}
		err = d.root.Mkdir(name, dirMode)
	}
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return d.root.Chmod(name, dirMode)
}

// create makes a file that did not exist, or empties one that did, and writes b to it. If it fails,
// there is no file.
func (d *disk) create(name string, b []byte) (*os.File, error) {
	f, err := d.root.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_TRUNC|syscall.O_NONBLOCK, fileMode)
	if err != nil {
		return nil, err
	}
	if err = f.Chmod(fileMode); err == nil {
		_, err = d.write(f, b, 0)
	}
	if err != nil {
		f.Close()
		d.root.Remove(name)
		return nil, err
	}
	return f, nil
}

// append writes b at the end of a file of that size, or restores the size.
func (d *disk) append(f *os.File, b []byte, size int64) error {
	if _, err := d.write(f, b, size); err != nil {
		f.Truncate(size)
		return err
	}
	return nil
}

// open opens a file for reading, or for writing too.
func (d *disk) open(name string, flag int) (*os.File, error) {
	f, err := d.root.OpenFile(name, flag|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		f.Close()
		return nil, fmt.Errorf("%s: %w", name, errCorrupt)
	}
	return f, nil
}

// read returns at most n bytes from off on; fewer only at the end of the file.
func (d *disk) read(name string, off int64, n int) ([]byte, error) {
	f, err := d.root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b := make([]byte, n)
	n, err = f.ReadAt(b, off)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	return b[:n], nil
}

// list returns the entries of a directory; one that does not exist has none.
func (d *disk) list(name string) ([]fs.DirEntry, error) {
	f, err := d.root.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return f.ReadDir(-1)
}

// dir returns the directory of a run.
func (k Key) dir() string { return k.UID.String() + "/" + strconv.Itoa(k.Attempt) }

func ownName(k Key, n uint32) string { return fmt.Sprintf("%s/%08d.seg", k.dir(), n) }

func sharedName(n uint32) string { return fmt.Sprintf("%s/%08d.seg", sharedDir, n) }

// segmentNumber is the inverse of ownName and sharedName.
func segmentNumber(name string) (uint32, bool) {
	digits, ok := strings.CutSuffix(path.Base(name), ".seg")
	if !ok || len(digits) < 8 {
		return 0, false
	}
	n, err := strconv.ParseUint(digits, 10, 32)
	return uint32(n), err == nil && n > 0
}
