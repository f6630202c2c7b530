package fsys

import (
	"errors"
	"fmt"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// A Mount is a directory of the host that a guest sees.
type Mount struct {
	Guest    string // path in the guest
	Dir      int    // descriptor of the directory, the caller's; O_PATH is enough
	Writable bool
	Quota    uint64 // how many bytes may be added; 0 means no limit
	Links    bool   // symbolic and hard links may be made
}

// Options are the limits of a Tree.
type Options struct {
	Open                int            // how many Nodes may be open beside the mounts; 0 means 64
	Opens, Denied, Full *atomic.Uint64 // counters to be counted in, or nil: what was opened, not granted, beyond a quota
}

// A Tree is all that one guest sees of the host's files.
type Tree struct {
	left                int // how many more Nodes may be opened
	roots               []*Node
	opens, denied, full *atomic.Uint64
}

// New opens the mounts.
func New(mounts []Mount, o Options) (*Tree, error) {
	t := &Tree{left: o.Open, opens: o.Opens, denied: o.Denied, full: o.Full}
	if t.left == 0 {
		t.left = 64
	}
	if t.opens == nil {
		t.opens = new(atomic.Uint64)
	}
	if t.denied == nil {
		t.denied = new(atomic.Uint64)
	}
	if t.full == nil {
		t.full = new(atomic.Uint64)
	}
	for _, m := range mounts {
		root, err := t.mount(m)
		if err != nil {
			t.Close()
			return nil, fmt.Errorf("mount %s: %w", m.Guest, err)
		}
		t.roots = append(t.roots, root)
	}
	return t, nil
}

// mount opens a directory anew, so that where it is read does not depend on others who have it open.
func (t *Tree) mount(m Mount) (*Node, error) {
	fd, err := beneath(m.Dir, ".", unix.O_RDONLY|unix.O_DIRECTORY, 0)
	switch {
	case errors.Is(err, unix.ENOSYS):
		return nil, fmt.Errorf("mounts need Linux 5.6 or a sandbox that lets openat2 pass: %w", err)
	case err != nil:
		return nil, err
	}
	return &Node{
		tree: t, fd: fd, dir: true, read: true,
		mount: &mount{guest: m.Guest, writable: m.Writable, links: m.Links, account: newAccount(m.Quota, t.full)},
	}, nil
}

// Roots returns the mounts in their order. They take no place of those that may be open.
func (t *Tree) Roots() []*Node { return t.roots }

// Close closes the mounts. Other Nodes are closed by who opened them.
func (t *Tree) Close() {
	for _, n := range t.roots {
		unix.Close(n.fd)
	}
	t.roots = nil
}

// Take counts a descriptor that is not a file, such as a connection, among those that may be open. It
// returns EMFILE if there is no place.
func (t *Tree) Take() error {
	if t.left <= 0 {
		return unix.EMFILE
	}
	t.left--
	return nil
}

// Give gives back the place of a descriptor that Take counted.
func (t *Tree) Give() { t.left++ }

// refuse counts what was not granted.
func (t *Tree) refuse(err error) error {
	t.denied.Add(1)
	return err
}

// A mount is what the Nodes below one root have in common.
type mount struct {
	guest    string
	writable bool
	links    bool
	*account // nil without a quota
}
