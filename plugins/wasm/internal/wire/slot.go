package wire

import (
	"fmt"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// A slot is the shortest way for a message, for a receiver that looks at the moment: neither side makes a system
// call. It holds one message. Who looks, and whether there is a message, is one word, so a message is either taken
// from the slot or goes through the socket, never both, and never neither.
type slot struct {
	state   atomic.Uint32 // one of the states below
	size    atomic.Uint32 // of the message
	_       [56]byte
	message [slotSize - 64]byte
}

const (
	slotIdle    = iota // the receiver does not look: messages go through the socket
	slotWatched        // the receiver looks
	slotFilled         // the sender has put a message here
)

// looks is how often a receiver looks before it offers its processor to others, such as the sender.
const looks = 16

// post puts a message into the slot, and reports whether the receiver will take it.
func (s *slot) post(message []byte) bool {
	if len(message) > len(s.message) || s.state.Load() != slotWatched {
		return false
	}
	copy(s.message[:], message)
	s.size.Store(uint32(len(message)))
	return s.state.CompareAndSwap(slotWatched, slotFilled)
}

// watch looks for a message until a time, and copies it to buf, which is at least as large as a slot. Without one it
// returns nothing, and the next message comes through the socket.
func (s *slot) watch(until time.Time, buf []byte) ([]byte, error) {
	s.state.Store(slotWatched)
	for i := 1; s.state.Load() != slotFilled; i++ {
		if i%looks == 0 {
			_, _, _ = unix.Syscall(unix.SYS_SCHED_YIELD, 0, 0, 0)
		}
		if !time.Now().Before(until) {
			if s.state.Swap(slotIdle) != slotFilled {
				return nil, nil
			}
			break
		}
	}
	n := s.size.Load()
	if n == 0 || n > uint32(len(s.message)) {
		return nil, fmt.Errorf("%w: a message of %d bytes", ErrProtocol, n)
	}
	n = uint32(copy(buf, s.message[:n]))
	s.state.Store(slotIdle)
	return buf[:n], nil
}
