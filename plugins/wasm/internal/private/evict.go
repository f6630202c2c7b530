package private

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// An Item is a complete file of a directory.
type Item struct {
	Name string
	Disk int64     // bytes that it takes on the disk
	Used time.Time // when it was written or touched last
}

// A Budget bounds what a directory holds. Zero means no bound.
type Budget struct {
	Bytes int64 // on the disk
	Files int
}

// Exceeded reports whether so many bytes in so many files are too much.
func (b Budget) Exceeded(bytes int64, files int) bool {
	return b.Bytes > 0 && bytes > b.Bytes || b.Files > 0 && files > b.Files
}

// spare returns the budget that is left when some room is made in advance, so that not every new file
// makes somebody look at all.
func (b Budget) spare() Budget { return Budget{b.Bytes - b.Bytes/8, b.Files - b.Files/8} }

// An Eviction is what [Dir.Evict] has done.
type Eviction struct {
	Kept    int64 // bytes on the disk that remain
	Files   int   // files that remain
	Evicted int64 // bytes on the disk that were freed
	Removed int   // files that were removed
}

// List returns the complete files, least recently used first.
func (d *Dir) List() ([]Item, error) {
	names, err := d.names()
	if err != nil {
		return nil, err
	}
	items := make([]Item, 0, len(names))
	for _, name := range names {
		var st unix.Stat_t
		if strings.HasPrefix(name, ".") || unix.Fstatat(d.fd, name, &st, unix.AT_SYMLINK_NOFOLLOW) != nil {
			continue // a draft, or removed meanwhile
		}
		if st.Mode&unix.S_IFMT != unix.S_IFREG {
			continue
		}
		items = append(items, Item{name, st.Blocks * 512, time.Unix(st.Mtim.Unix())})
	}
	slices.SortFunc(items, func(a, b Item) int {
		return cmp.Or(a.Used.Compare(b.Used), cmp.Compare(a.Name, b.Name))
	})
	return items, nil
}

// names lists the directory. It reads it anew through a descriptor with an offset of its own.
func (d *Dir) names() ([]string, error) {
	dir, err := os.Open(fmt.Sprintf("/proc/self/fd/%d", d.fd))
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", d.path, err)
	}
	defer func() { _ = dir.Close() }()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", d.path, err)
	}
	return names, nil
}

// Evict removes the files that were used least recently if the directory holds more than the budget
// allows, and somewhat more of them than need be. Files in use are kept, and so are those named.
func (d *Dir) Evict(budget Budget, keep ...string) (Eviction, error) {
	items, err := d.List()
	if err != nil {
		return Eviction{}, err
	}
	e := Eviction{Files: len(items)}
	for _, item := range items {
		e.Kept += item.Disk
	}
	if !budget.Exceeded(e.Kept, e.Files) {
		return e, nil
	}
	for spare := budget.spare(); len(items) > 0 && spare.Exceeded(e.Kept, e.Files); items = items[1:] {
		item := items[0]
		if slices.Contains(keep, item.Name) || !d.removeUnused(item.Name) {
			continue
		}
		e.Kept, e.Files = e.Kept-item.Disk, e.Files-1
		e.Evicted, e.Removed = e.Evicted+item.Disk, e.Removed+1
	}
	return e, nil
}

// removeUnused removes a file that nobody has open through [Dir.Open].
func (d *Dir) removeUnused(name string) bool {
	file, err := d.open(name)
	if unsafe := (*UnsafeError)(nil); errors.As(err, &unsafe) {
		return d.Remove(name) == nil // nobody has it from us
	}
	if err != nil {
		return false
	}
	defer func() { _ = file.Close() }()
	if lock(file, unix.LOCK_EX) != nil {
		return false
	}
	here, err := d.Holds(name, file)
	return err == nil && here && d.Remove(name) == nil
}
