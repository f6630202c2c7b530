package discovery

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// Check looks at the plugin called name in dir, which Scan or Check has found safe. A bad file is a
// [*Rejection].
func Check(dir, name string) (File, error) {
	if !ValidName(name) {
		return File{}, &Rejection{Name: name, Reason: fmt.Sprintf("%q is not a plugin's name: [a-z][a-z0-9-]{0,62}", name)}
	}
	path, err := follow(dir, Prefix+name)
	if err != nil {
		return File{}, err
	}
	info, err := os.Lstat(path)
	if err != nil {
		return File{}, err
	}
	if err := checkFile(path, info); err != nil {
		return File{}, err
	}
	sum, err := digest(path, info)
	if err != nil {
		return File{}, err
	}
	return File{Name: name, Path: path, SHA256: sum, Size: info.Size(), stamp: stampOf(info)}, nil
}

// Recheck checks a file again that was accepted earlier. Its bytes are read again only if it was
// touched since.
func Recheck(dir string, was File) (File, error) {
	path, err := follow(dir, Prefix+was.Name)
	if err != nil {
		return File{}, err
	}
	info, err := os.Lstat(path)
	if err != nil {
		return File{}, err
	}
	if path != was.Path || was.stamp != stampOf(info) {
		return Check(dir, was.Name)
	}
	return was, checkFile(path, info)
}

// A stamp changes whenever a file is replaced or written to.
type stamp struct {
	dev, inode uint64
	size       int64
	modified   time.Time
	changed    syscall.Timespec
}

func stampOf(info fs.FileInfo) stamp {
	s := stamp{size: info.Size(), modified: info.ModTime()}
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		s.dev, s.inode, s.changed = uint64(st.Dev), st.Ino, changeTime(st) //nolint:gosec,unconvert // types differ by system
	}
	return s
}

// follow returns the file that the entry of dir is, or leads to within dir.
func follow(dir, entry string) (string, error) {
	path := filepath.Join(dir, entry)
	info, err := os.Lstat(path)
	if err != nil {
		return "", err
	}
	if info.Mode()&fs.ModeSymlink == 0 {
		return path, nil
	}
	if !trusted(info) {
		return "", &Rejection{
			Reason: fmt.Sprintf("the symlink %s belongs to user %d", path, owner(info)),
			Remedy: "replace it by the file itself",
		}
	}
	target, err := filepath.EvalSymlinks(path)
	if err != nil {
		return "", &Rejection{
			Reason: fmt.Sprintf("the symlink %s leads nowhere: %v", path, errors.Unwrap(err)),
			Remedy: "replace it by the file itself",
		}
	}
	if filepath.Dir(target) != dir {
		return "", &Rejection{
			Reason: fmt.Sprintf("%s is a symlink to %s, which is not in the plugins directory", path, target),
			Remedy: "copy the file into the directory",
		}
	}
	return target, nil
}

func checkFile(path string, info fs.FileInfo) error {
	mode := info.Mode()
	switch {
	case !mode.IsRegular():
		return &Rejection{Reason: path + " is not a regular file", Remedy: "remove it"}
	case !trusted(info):
		return &Rejection{
			Reason: fmt.Sprintf("%s belongs to user %d", path, owner(info)),
			Remedy: fmt.Sprintf("chown %d %s", os.Geteuid(), path),
		}
	case mode.Perm()&0o022 != 0:
		return &Rejection{
			Reason: fmt.Sprintf("%s is writable for group or others (mode %04o)", path, mode.Perm()),
			Remedy: "chmod go-w " + path,
		}
	case mode&(fs.ModeSetuid|fs.ModeSetgid) != 0:
		return &Rejection{Reason: path + " has the setuid or setgid bit", Remedy: "chmod ug-s " + path}
	case mode.Perm()&0o111 == 0:
		return &Rejection{Reason: path + " is not executable", Remedy: "chmod +x " + path}
	case info.Size() == 0:
		return &Rejection{Reason: path + " is empty", Remedy: "install the plugin again"}
	case info.Size() > MaxSize:
		return &Rejection{Reason: fmt.Sprintf("%s has %d bytes, at most %d are allowed", path, info.Size(), MaxSize)}
	}
	return nil
}

// digest reads the file that info describes, checks that this machine can run it, and returns its
// SHA-256.
func digest(path string, info fs.FileInfo) (string, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		return "", &Rejection{Reason: err.Error(), Remedy: "make it readable for the host: chmod u+r " + path}
	}
	defer f.Close()
	if now, err := f.Stat(); err != nil || !os.SameFile(now, info) {
		return "", &Rejection{Reason: path + " was replaced while it was checked", Remedy: "try again"}
	}
	head := make([]byte, headSize)
	n, err := io.ReadFull(f, head)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return "", err
	}
	if why := checkFormat(path, head[:n]); why != nil {
		return "", why
	}
	h := sha256.New()
	h.Write(head[:n])
	if _, err := io.Copy(h, io.LimitReader(f, MaxSize)); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// trusted reports whether a file belongs to root or to us.
func trusted(info fs.FileInfo) bool {
	uid := owner(info)
	return uid == 0 || uid == os.Geteuid()
}

// owner returns the user that a file belongs to, or -1 if the system does not tell.
func owner(info fs.FileInfo) int {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return int(st.Uid)
	}
	return -1
}
