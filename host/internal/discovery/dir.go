package discovery

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// maxLinks bounds the symlinks on the way to a directory.
const maxLinks = 40

// CheckDir says why no plugins may be started from dir, or returns nil.
func CheckDir(dir string) error {
	_, err := checkDir(dir)
	return err
}

// checkDir walks from the root of the file system to dir, checks every step, and returns the
// directory with all symlinks resolved. Each step is looked at only after the one above it was found
// safe, so that nobody can exchange it behind our back.
func checkDir(dir string) (string, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	at, rest, links := "/", split(abs), 0
	if err := checkStep("/", len(rest) == 0); err != nil {
		return "", err
	}
	for len(rest) > 0 {
		next := filepath.Join(at, rest[0])
		rest = rest[1:]
		info, err := os.Lstat(next)
		if err != nil {
			return "", missing(dir, err)
		}
		if info.Mode()&fs.ModeSymlink == 0 {
			if err := checkStep(next, len(rest) == 0); err != nil {
				return "", err
			}
			at = next
			continue
		}
		if links++; links > maxLinks {
			return "", fmt.Errorf("%s: more than %d symlinks on the way", dir, maxLinks)
		}
		target, err := readLink(next, info)
		if err != nil {
			return "", err
		}
		if filepath.IsAbs(target) {
			at = "/"
		}
		rest = append(split(filepath.Join(at, target)), rest...)
		at = "/"
	}
	return at, nil
}

func readLink(path string, info fs.FileInfo) (string, error) {
	if !trusted(info) {
		return "", fmt.Errorf("%s is a symlink of user %d, who could lead it elsewhere: "+
			"name the directory itself", path, owner(info))
	}
	return os.Readlink(path)
}

func split(path string) []string {
	return strings.FieldsFunc(path, func(r rune) bool { return r == '/' })
}

// checkStep checks one directory on the way; last says that it is the plugins directory itself.
func checkStep(path string, last bool) error {
	info, err := os.Lstat(path)
	if err != nil {
		return err
	}
	perm := info.Mode().Perm()
	sticky := info.Mode()&fs.ModeSticky != 0
	switch {
	case !info.IsDir():
		return fmt.Errorf("%s is not a directory", path)
	case !trusted(info):
		return fmt.Errorf("%s belongs to user %d, who could replace the plugins: chown %d %s",
			path, owner(info), os.Geteuid(), path)
	case perm&0o022 != 0 && (last || !sticky):
		return fmt.Errorf("%s is writable for group or others (mode %04o), who could replace the plugins: chmod go-w %s",
			path, perm, path)
	}
	return nil
}

func missing(dir string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s does not exist: put the plugins there, or make it with mkdir -p -m 755 %s", dir, dir)
	}
	return err
}
