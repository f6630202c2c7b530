package cgroup

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"

	"golang.org/x/sys/unix"
)

// MaxProcesses bounds the processes of a leaf where the pids controller is delegated.
const MaxProcesses = 4096

// A Pool hands out leaves. Its methods may be called from any goroutine.
type Pool struct {
	dir    string
	prefix string

	mu     sync.Mutex
	free   []*Leaf // guarded by mu; all empty
	made   int     // guarded by mu; names are never used twice
	closed bool    // guarded by mu
}

// Open makes a pool of the groups below dir, which must be a writable cgroup v2 directory. It makes
// the first leaf, so that a directory that cannot be used is refused here and not in the middle of an
// attempt.
func Open(dir string) (*Pool, error) {
	p := &Pool{dir: dir, prefix: "run-" + strconv.Itoa(os.Getpid()) + "-"}
	var fs unix.Statfs_t
	if err := unix.Statfs(dir, &fs); err != nil {
		return nil, fmt.Errorf("cgroup directory %s: %w", dir, err)
	}
	if fs.Type != unix.CGROUP2_SUPER_MAGIC {
		return nil, fmt.Errorf("cgroup directory %s: not on a cgroup v2 file system", dir)
	}
	first, err := p.Get()
	if err != nil {
		return nil, err
	}
	p.Put(first)
	return p, nil
}

// Get returns an empty leaf.
func (p *Pool) Get() (*Leaf, error) {
	p.mu.Lock()
	if n := len(p.free); n > 0 {
		leaf := p.free[n-1]
		p.free = p.free[:n-1]
		p.mu.Unlock()
		return leaf, nil
	}
	p.made++
	name := p.prefix + strconv.Itoa(p.made)
	p.mu.Unlock()
	return makeLeaf(filepath.Join(p.dir, name))
}

// Put takes back a leaf that is empty. One that was killed is removed: since 6.14 the kernel takes a
// process that is cloned into such a group for one that was forked while the group was being killed,
// and kills it at birth.
func (p *Pool) Put(leaf *Leaf) {
	p.mu.Lock()
	if !p.closed && !leaf.killed.Load() {
		p.free = append(p.free, leaf)
		p.mu.Unlock()
		return
	}
	p.mu.Unlock()
	_ = leaf.remove()
}

// Close removes the leaves that are in the pool; those in use are removed when they come back.
func (p *Pool) Close() error {
	p.mu.Lock()
	free := p.free
	p.free, p.closed = nil, true
	p.mu.Unlock()
	var errs []error
	for _, leaf := range free {
		errs = append(errs, leaf.remove())
	}
	return errors.Join(errs...)
}
