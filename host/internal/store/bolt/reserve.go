package bolt

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/soltihq/solti-host/host/internal/store"
)

// again is how long a failed attempt to make the reserve is not repeated.
const again = time.Second

// A reserve is a file that takes room on the disk while there is plenty, to be removed when there is
// none, so that the ends of what runs can still be written.
type reserve struct {
	path string
	size int64

	mu    sync.Mutex
	there bool      // guarded by mu
	tried time.Time // guarded by mu
}

// make allocates the file.
func (r *reserve) make() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.allocate()
}

func (r *reserve) allocate() error {
	r.tried = time.Now()
	f, err := os.OpenFile(r.path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	if err := errors.Join(allocate(f, r.size), f.Close()); err != nil {
		return errors.Join(err, os.Remove(r.path))
	}
	r.there = true
	return nil
}

// release gives the room back to the disk.
func (r *reserve) release() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.there, r.tried = false, time.Now()
	if err := os.Remove(r.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// room returns nil while the reserve is there. It tries to make it, but not too often.
func (r *reserve) room() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.there {
		return nil
	}
	if time.Since(r.tried) < again {
		return fmt.Errorf("%w: the reserve of %d bytes is in use", store.ErrFull, r.size)
	}
	if err := r.allocate(); err != nil {
		return fmt.Errorf("%w: the reserve of %d bytes cannot be made: %w", store.ErrFull, r.size, err)
	}
	return nil
}

// Room says whether there is room for new work; see [store.Roomy].
func (s *Store) Room() error { return s.reserve.room() }

// full reports whether err says that there is no room: none on the disk, none in the quota, or none
// in a file of that size.
func full(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || errors.Is(err, syscall.EFBIG)
}

// fullBeforeSync reports whether a commit failed for want of room before it synced anything. A failed
// sync comes as a bare error number, a failed write with the path; the database gives the error of a
// file that could not be made longer as a text only.
func fullBeforeSync(err error) bool {
	var at *fs.PathError
	if errors.As(err, &at) {
		return full(err) && (at.Op == "write" || at.Op == "truncate")
	}
	text := err.Error()
	if !strings.HasPrefix(text, "file resize error") {
		return false
	}
	for _, e := range []error{syscall.ENOSPC, syscall.EDQUOT, syscall.EFBIG} {
		if strings.Contains(text, e.Error()) {
			return true
		}
	}
	return false
}

// fill writes zeros, where space cannot be allocated otherwise.
func fill(f *os.File, size int64) error {
	zeros := make([]byte, 64<<10)
	for at := int64(0); at < size; at += int64(len(zeros)) {
		n := min(size-at, int64(len(zeros)))
		if _, err := f.WriteAt(zeros[:n], at); err != nil {
			return err
		}
	}
	return nil
}
