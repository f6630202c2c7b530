//go:build !linux

package fence

import (
	"context"
	"errors"
	"os"
)

// Cgroups is the place in which the groups of a host live. This system has none.
type Cgroups struct{}

// OpenCgroups says that there are none.
func OpenCgroups(string) (*Cgroups, error) { return nil, errors.New("this system has no cgroups") }

// Make is never called, for there is no Cgroups.
func (*Cgroups) Make(string) (*Group, error) { return nil, errors.ErrUnsupported }

// Kill does nothing.
func (*Cgroups) Kill(context.Context) error { return nil }

// Close does nothing.
func (*Cgroups) Close() error { return nil }

// A Group is a set of processes that the kernel kills whole. This system has none.
type Group struct {
	Path string
}

// Open is never called, for there is no Group.
func (*Group) Open() (*os.File, error) { return nil, errors.ErrUnsupported }

// Kill does nothing.
func (*Group) Kill(context.Context) error { return nil }

// KillGroup does nothing.
func KillGroup(context.Context, string, string) error { return nil }
