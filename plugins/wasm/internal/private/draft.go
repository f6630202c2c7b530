package private

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// draftPrefix begins the names of files that are not complete.
const draftPrefix = ".draft-"

// A Draft is a file that is being written. It is locked: nobody takes it for one that was left behind.
type Draft struct {
	*os.File
	dir  *Dir
	name string // empty when the draft has become a file, or nothing
}

// Create begins a file. It must be ended with [Draft.Commit] or [Draft.Discard].
func (d *Dir) Create() (*Draft, error) {
	for range 100 {
		name := draftPrefix + strings.ToLower(rand.Text())
		fd, err := unix.Openat(d.fd, name, unix.O_RDWR|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o600)
		if errors.Is(err, unix.EEXIST) {
			continue
		}
		if err != nil {
			return nil, d.pathError("create", name, err)
		}
		draft := &Draft{os.NewFile(uintptr(fd), name), d, name}
		// Between the two calls a sweep may take it for somebody's who died.
		if lock(draft.File, unix.LOCK_EX) == nil {
			if here, _ := d.Holds(name, draft.File); here {
				return draft, nil
			}
		}
		draft.Discard()
	}
	return nil, fmt.Errorf("%s: no draft can be kept from being swept away", d.path)
}

// Commit makes the draft the file of that name, in place of what had it, with mode 0400, and closes it.
// With durable it returns when neither content nor name can be lost any more.
func (f *Draft) Commit(name string, durable bool) error {
	defer f.Discard()
	if err := checkName(name); err != nil {
		return err
	}
	if err := f.Chmod(0o400); err != nil {
		return err
	}
	if durable {
		if err := f.Sync(); err != nil {
			return err
		}
	}
	if err := unix.Renameat(f.dir.fd, f.name, f.dir.fd, name); err != nil {
		return f.dir.pathError("rename", name, err)
	}
	f.name = ""
	if durable {
		return f.dir.Sync()
	}
	return nil
}

// CommitNew is Commit, durable, for a name that must not be taken: then the error matches fs.ErrExist.
func (f *Draft) CommitNew(name string, mode fs.FileMode) error {
	defer f.Discard()
	if err := checkName(name); err != nil {
		return err
	}
	if err := f.Chmod(mode); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := unix.Linkat(f.dir.fd, f.name, f.dir.fd, name, 0); err != nil {
		return f.dir.pathError("link", name, err)
	}
	return f.dir.Sync()
}

// Discard removes the draft, unless it has become a file.
func (f *Draft) Discard() {
	if f.name != "" {
		_ = unix.Unlinkat(f.dir.fd, f.name, 0)
		f.name = ""
	}
	_ = f.Close()
}

// Sweep removes drafts and directories of scratch whose users are dead.
func (d *Dir) Sweep() error {
	names, err := d.names()
	if err != nil {
		return err
	}
	for _, name := range names {
		if strings.HasPrefix(name, scratchPrefix) {
			d.sweepScratch(name)
		}
		if !strings.HasPrefix(name, draftPrefix) {
			continue
		}
		file, err := d.open(name)
		if err != nil {
			continue
		}
		if lock(file, unix.LOCK_EX) == nil {
			_ = d.Remove(name)
		}
		_ = file.Close()
	}
	return nil
}

// Unlinked turns the draft into a file without a name, which is gone when it is closed.
func (f *Draft) Unlinked() (*os.File, error) {
	if err := unix.Unlinkat(f.dir.fd, f.name, 0); err != nil {
		err = f.dir.pathError("remove", f.name, err)
		f.Discard()
		return nil, err
	}
	f.name = ""
	return f.File, nil
}
