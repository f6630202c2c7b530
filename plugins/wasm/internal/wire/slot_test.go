package wire

import (
	"bytes"
	"errors"
	"runtime"
	"sync"
	"testing"
	"time"
)

// TestMessagesAreTakenOnce has a receiver that looks for a moment and a sender that falls back to another way, as the
// socket is: what is posted arrives, once and whole, and what is refused does not.
func TestMessagesAreTakenOnce(t *testing.T) {
	var s slot
	const messages = 20_000
	posted, refused := make(chan int, messages), make(chan []byte)
	var wg sync.WaitGroup
	wg.Go(func() {
		defer close(posted)
		for i := range messages {
			message := bytes.Repeat([]byte{byte(i)}, 1+i%len(s.message))
			if s.post(message) {
				posted <- i
				continue
			}
			refused <- message
		}
	})
	buf := make([]byte, slotSize)
	var looked, other int
	for i := range messages {
		got, err := s.watch(time.Now().Add(time.Duration(i%50)*time.Microsecond), buf)
		if err != nil {
			t.Fatal(err)
		}
		if got != nil {
			looked++
		} else {
			got = <-refused
			other++
		}
		if want := bytes.Repeat([]byte{byte(i)}, 1+i%len(s.message)); !bytes.Equal(got, want) {
			t.Fatalf("message %d has %d bytes that begin with %d", i, len(got), got[0])
		}
		if i%100 == 0 {
			runtime.Gosched()
		}
	}
	wg.Wait()
	n := 0
	for range posted {
		n++
	}
	if looked != n || looked+other != messages {
		t.Errorf("took %d from the slot and %d from elsewhere; posted %d of %d", looked, other, n, messages)
	}
	t.Logf("%d through the slot, %d not", looked, other)
}

func TestSlotRefuses(t *testing.T) {
	var s slot
	if s.post([]byte("x")) {
		t.Error("takes a message for nobody")
	}
	s.state.Store(slotWatched)
	if s.post(make([]byte, len(s.message)+1)) {
		t.Error("takes a message that is too large")
	}
	if !s.post(make([]byte, len(s.message))) || s.post([]byte("x")) {
		t.Error("does not take one message")
	}
}

// TestHostileSlots has the other side write anything: the receiver goes on, soon.
func TestHostileSlots(t *testing.T) {
	buf := make([]byte, slotSize)
	var s slot
	wait := func(change func()) ([]byte, error) {
		done := make(chan struct{})
		go func() {
			defer close(done)
			for s.state.Load() != slotWatched {
				runtime.Gosched()
			}
			change()
		}()
		defer func() { <-done }()
		return s.watch(time.Now().Add(50*time.Millisecond), buf)
	}
	for name, size := range map[string]uint32{"empty": 0, "too large": uint32(len(s.message)) + 1, "huge": 1<<32 - 1} {
		if _, err := wait(func() { s.size.Store(size); s.state.Store(slotFilled) }); !errors.Is(err, ErrProtocol) {
			t.Errorf("%s: %v, want ErrProtocol", name, err)
		}
	}
	for _, state := range []uint32{slotIdle, 3, 1<<32 - 1} {
		if got, err := wait(func() { s.state.Store(state) }); got != nil || err != nil {
			t.Errorf("state %d: %q, %v; want nothing", state, got, err)
		}
	}
}
