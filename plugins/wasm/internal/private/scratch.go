package private

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// scratchPrefix begins the names of directories for passing use.
const scratchPrefix = ".scratch-"

// A Scratch is a directory for passing use. It is locked: nobody takes it for one that was left behind.
type Scratch struct {
	*Dir
	in   *Dir
	name string
}

// Scratch makes an empty directory. It must be ended with [Scratch.Discard].
func (d *Dir) Scratch() (*Scratch, error) {
	for range 100 {
		name := scratchPrefix + strings.ToLower(rand.Text())
		sub, err := d.Sub(name)
		if errors.Is(err, unix.ENOENT) {
			continue // swept away at once
		}
		if err != nil {
			return nil, err
		}
		// Between the two calls a sweep may take it for somebody's who died.
		if lock(sub.file, unix.LOCK_EX) == nil {
			if here, _ := d.Holds(name, sub.file); here {
				return &Scratch{sub, d, name}, nil
			}
		}
		_ = sub.Close()
	}
	return nil, fmt.Errorf("%s: no directory can be kept from being swept away", d.path)
}

// File is the open directory. It belongs to the scratch.
func (s *Scratch) File() *os.File { return s.file }

// Discard removes the directory with all that it holds.
func (s *Scratch) Discard() error { return errors.Join(s.in.removeAll(s.name), s.Close()) }

// removeAll removes a directory and what is in it. No link is followed.
func (d *Dir) removeAll(name string) error {
	root, err := os.OpenRoot(fmt.Sprintf("/proc/self/fd/%d", d.fd))
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }()
	return root.RemoveAll(name)
}

// sweepScratch removes a directory whose user is dead.
func (d *Dir) sweepScratch(name string) {
	sub, err := d.Sub(name)
	if err != nil {
		return
	}
	defer func() { _ = sub.Close() }()
	if lock(sub.file, unix.LOCK_EX) == nil {
		_ = d.removeAll(name)
	}
}
