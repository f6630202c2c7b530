package fence

import (
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// Claim takes the lock on a directory itself, which must belong to our user and may not be a symlink.
// It says that somebody alive uses the directory. If it is held, the error wraps ErrLocked. If the
// directory has been removed before it could be claimed, it wraps fs.ErrNotExist: whoever makes and
// claims a directory has it for certain, although others remove those that nobody has claimed.
func Claim(dir string) (*Lock, error) {
	f, err := os.OpenFile(dir, os.O_RDONLY|syscall.O_DIRECTORY|syscall.O_NOFOLLOW, 0)
	if err != nil {
		return nil, err
	}
	l, err := lockOpen(f)
	if err != nil {
		return nil, err
	}
	if err := stillOurs(f); err != nil {
		_ = l.Close()
		return nil, err
	}
	return l, nil
}

// stillOurs returns nil if the path of an open file still leads to it and it belongs to our user.
func stillOurs(f *os.File) error {
	open, err := f.Stat()
	if err != nil {
		return err
	}
	named, err := os.Lstat(f.Name())
	if err != nil {
		return err
	}
	if !os.SameFile(open, named) {
		return fmt.Errorf("%s: another one has its name: %w", f.Name(), fs.ErrNotExist)
	}
	if st, ok := open.Sys().(*syscall.Stat_t); !ok || int(st.Uid) != os.Geteuid() {
		return fmt.Errorf("%s belongs to another user: %w", f.Name(), fs.ErrPermission)
	}
	return nil
}
