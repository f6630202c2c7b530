package wire

import (
	"fmt"
	"os"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Sizes of the shared memory: a page of words, two slots, then the ring.
const (
	wordsSize = 4096
	slotSize  = 4096
	slotsEnd  = wordsSize + 2*slotSize
	ringSize  = 256 << 10 // a power of two
	ringHalf  = ringSize / 2
)

// A shared is the memory that plugin and worker have in common. The words stand on cache lines of the side
// that writes them.
type shared struct {
	words *words
	job   *slot // the worker looks
	end   *slot // the plugin looks, for the Status
	ring  *[ringSize]byte
	mem   []byte
}

type words struct {
	head atomic.Uint64 // bytes ever put into the ring; the worker's
	full atomic.Uint32 // the worker waits for room, so the plugin has to send Room
	_    [52]byte
	tail atomic.Uint64 // bytes ever taken; the plugin's
	idle atomic.Uint32 // the plugin sleeps, so the worker has to send Bell

	discard [2]atomic.Uint32 // for each stream whether the worker is to discard what comes; the plugin's
	look    atomic.Uint32    // the worker is to look for its next job before it sleeps; the plugin's
	_       [40]byte

	counters [counters]atomic.Uint64
}

// counters is how many Counter there are.
const counters = 9

// newShared makes the memory and the descriptor under which the worker gets it. Its size is sealed, so that
// no worker can take the pages away while the plugin reads them.
func newShared() (*shared, *os.File, error) {
	fd, err := unix.MemfdCreate("solti-wasm-ring", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return nil, nil, fmt.Errorf("make shared memory: %w", err)
	}
	f := os.NewFile(uintptr(fd), "ring")
	err = unix.Ftruncate(fd, slotsEnd+ringSize)
	if err == nil {
		_, err = unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, unix.F_SEAL_SHRINK|unix.F_SEAL_GROW|unix.F_SEAL_SEAL)
	}
	if err != nil {
		f.Close()
		return nil, nil, fmt.Errorf("make shared memory: %w", err)
	}
	s, err := mapShared(fd)
	if err != nil {
		f.Close()
		return nil, nil, err
	}
	return s, f, nil
}

func mapShared(fd int) (*shared, error) {
	mem, err := unix.Mmap(fd, 0, slotsEnd+ringSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("map shared memory: %w", err)
	}
	return &shared{
		words: (*words)(unsafe.Pointer(&mem[0])),
		job:   (*slot)(unsafe.Pointer(&mem[wordsSize])),
		end:   (*slot)(unsafe.Pointer(&mem[wordsSize+slotSize])),
		ring:  (*[ringSize]byte)(mem[slotsEnd:]),
		mem:   mem,
	}, nil
}

func (s *shared) close() error { return unix.Munmap(s.mem) }
