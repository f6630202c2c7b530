package guest

import (
	"fmt"
	"sync/atomic"

	"github.com/tetratelabs/wazero/experimental"
	"golang.org/x/sys/unix"
)

const pageSize = 64 << 10

// A memoryError is the panic with which instantiation ends when a module's first memory cannot be had: the
// engine takes no other answer there.
type memoryError struct{ size, limit uint64 }

func (e *memoryError) Error() string {
	if e.size > e.limit {
		return fmt.Sprintf("the module begins with %d KiB of memory, the limit is %d KiB", e.size>>10, e.limit>>10)
	}
	return fmt.Sprintf("the %d KiB of memory with which the module begins cannot be had", e.size>>10)
}

// An allocator gives guests their memory, one at a time.
type allocator struct {
	limit         uint64 // bytes
	peak, growths *atomic.Uint64

	mapping []byte // reserved, of the last guest or this one
	usable  uint64 // how much of it may be accessed
	used    uint64 // how much this guest has
	begun   bool   // this guest has been given its first memory
}

// Allocate reserves a mapping. A failure shows when the first bytes are asked for.
func (a *allocator) Allocate(_, most uint64) experimental.LinearMemory {
	a.used, a.begun = 0, false
	most = min(most, a.limit)
	if uint64(len(a.mapping)) < most {
		a.drop()
		mapping, err := unix.Mmap(-1, 0, int(most), unix.PROT_NONE, unix.MAP_PRIVATE|unix.MAP_ANON|unix.MAP_NORESERVE)
		if err == nil {
			// Guests that begin with megabytes touch much of them: in large pages that takes a fraction of the faults.
			_ = unix.Madvise(mapping, unix.MADV_HUGEPAGE)
			a.mapping = mapping
		}
	}
	return linear{a}
}

func (a *allocator) drop() {
	if a.mapping != nil {
		_ = unix.Munmap(a.mapping)
	}
	a.mapping, a.usable = nil, 0
}

// grow returns the memory with a new size, or nil if it is not to be had.
func (a *allocator) grow(size uint64) []byte {
	if size == 0 {
		return []byte{}
	}
	if size > uint64(len(a.mapping)) {
		return nil
	}
	if size > a.usable {
		if unix.Mprotect(a.mapping[a.usable:size], unix.PROT_READ|unix.PROT_WRITE) != nil {
			return nil
		}
		a.usable = size
	}
	if a.begun {
		a.growths.Add(1)
	}
	a.used = size
	a.peak.Store(max(a.peak.Load(), size/pageSize))
	return a.mapping[:size]
}

// A linear is the memory of one guest.
type linear struct{ *allocator }

// Reallocate makes the memory larger where it is.
func (l linear) Reallocate(size uint64) []byte {
	b := l.grow(size)
	if b == nil && !l.begun {
		panic(&memoryError{size, l.limit})
	}
	l.begun = true
	return b
}

// Free gives the pages back, so that the next guest finds zeros.
func (l linear) Free() {
	if l.used == 0 {
		return
	}
	if unix.Madvise(l.mapping[:l.used], unix.MADV_DONTNEED) != nil {
		l.drop()
	}
	l.used = 0
}
