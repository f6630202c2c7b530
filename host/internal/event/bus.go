package event

import "sync"

// A Bus tells events to whoever subscribes. Publishing never waits: a subscriber whose buffer is full
// misses events and is told so by an Overflow event as soon as there is room.
//
// The zero value is ready for use.
type Bus struct {
	mu   sync.Mutex
	seq  uint64                     // guarded by mu
	subs map[*Subscription]struct{} // guarded by mu
	lost uint64                     // guarded by mu; events missed by subscribers, in all
}

// A Subscription is one subscriber's view of a bus.
type Subscription struct {
	bus     *Bus
	events  chan Event
	dropped uint64 // guarded by bus.mu; since the last Overflow event
}

// DefaultBuffer is how many events a subscription holds unless it asks for another number.
const DefaultBuffer = 1024

// Subscribe begins a subscription whose buffer holds that many events; below 1 means DefaultBuffer.
func (b *Bus) Subscribe(buffer int) *Subscription {
	if buffer < 1 {
		buffer = DefaultBuffer
	}
	s := &Subscription{bus: b, events: make(chan Event, max(buffer, 2))}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.subs == nil {
		b.subs = map[*Subscription]struct{}{}
	}
	b.subs[s] = struct{}{}
	return s
}

// Events returns the channel on which the events come. It is closed by Close.
func (s *Subscription) Events() <-chan Event { return s.events }

// Close ends the subscription. It may be called more than once.
func (s *Subscription) Close() {
	s.bus.mu.Lock()
	defer s.bus.mu.Unlock()
	if _, ok := s.bus.subs[s]; ok {
		delete(s.bus.subs, s)
		close(s.events)
	}
}

// Publish tells the events of committed records, in order.
func (b *Bus) Publish(records []Record) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.subs) == 0 {
		return
	}
	for _, r := range records {
		for _, e := range r.Events() {
			b.seq++
			e.Seq = b.seq
			for s := range b.subs {
				b.offer(s, e)
			}
		}
	}
}

// offer gives e to s if there is room, after the overflow notice that s is owed. b.mu is held.
func (b *Bus) offer(s *Subscription, e Event) {
	if s.dropped > 0 && cap(s.events)-len(s.events) >= 2 {
		s.events <- Event{Seq: e.Seq, At: e.At, Type: Overflow, Dropped: s.dropped}
		s.dropped = 0
	}
	if s.dropped > 0 || len(s.events) == cap(s.events) {
		s.dropped++
		b.lost++
		return
	}
	s.events <- e
}

// Lost returns how many events subscribers have missed, in all.
func (b *Bus) Lost() uint64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.lost
}
