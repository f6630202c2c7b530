package image

import (
	"sync"
	"time"
)

// linger is how long an image that nobody asks for stays in memory.
const linger = 2 * time.Minute

// A shelf holds images that were used lately. It is one user of each.
type shelf struct {
	linger time.Duration

	mu     sync.Mutex
	images map[string]*kept // guarded by mu; by name
	timer  *time.Timer      // guarded by mu; set while there are images
	closed bool             // guarded by mu
}

type kept struct {
	image *Image
	used  time.Time
}

func newShelf(linger time.Duration) *shelf {
	return &shelf{linger: linger, images: map[string]*kept{}}
}

// get returns an image for a further user, or nil.
func (s *shelf) get(name string) *Image {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := s.images[name]
	if k == nil || !k.image.hold() {
		return nil
	}
	k.used = time.Now()
	return k.image
}

// put keeps an image, of which it becomes a user.
func (s *shelf) put(name string, i *Image) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || !i.hold() {
		return
	}
	if old := s.images[name]; old != nil {
		old.image.Close()
	}
	s.images[name] = &kept{image: i, used: time.Now()}
	if s.timer == nil {
		s.timer = time.AfterFunc(s.linger, s.tidy)
	}
}

// tidy lets go of what has not been used for long, and comes again as long as there is more.
func (s *shelf) tidy() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, k := range s.images {
		if time.Since(k.used) >= s.linger {
			k.image.Close()
			delete(s.images, name)
		}
	}
	s.timer = nil
	if len(s.images) > 0 {
		s.timer = time.AfterFunc(s.linger/2, s.tidy)
	}
}

func (s *shelf) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	if s.timer != nil {
		s.timer.Stop()
	}
	for name, k := range s.images {
		k.image.Close()
		delete(s.images, name)
	}
}
