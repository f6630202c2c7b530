package private

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

const (
	quarantineName = ".quarantine"
	quarantineKeep = 8 // files
)

// Quarantine moves a file out of the way, whatever it is, and keeps it for a while below the
// directory .quarantine. If it cannot be moved it is removed.
func (d *Dir) Quarantine(name string) error {
	if err := checkName(name); err != nil {
		return err
	}
	err := d.moveAway(name)
	if err == nil || errors.Is(err, unix.ENOENT) {
		return nil
	}
	if d.Remove(name) == nil {
		return nil
	}
	return fmt.Errorf("move %s/%s out of the way: %w", d.path, name, err)
}

func (d *Dir) moveAway(name string) error {
	q, err := d.Sub(quarantineName)
	if err != nil {
		return err
	}
	defer func() { _ = q.Close() }()
	stamp := time.Now().UTC().Format("20060102T150405.000000000")
	if err := unix.Renameat(d.fd, name, q.fd, stamp+"-"+strings.TrimLeft(name, ".")); err != nil {
		return err
	}
	return q.prune()
}

// prune removes all but the newest.
func (d *Dir) prune() error {
	names, err := d.names()
	if err != nil || len(names) <= quarantineKeep {
		return err
	}
	slices.Sort(names)
	for _, name := range names[:len(names)-quarantineKeep] {
		err = errors.Join(err, d.removeAll(name))
	}
	return err
}
