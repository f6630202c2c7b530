package cache

import (
	"os"
	"slices"
	"sync"
)

// An Entry is native code in sealed memory, and the shell that was put with it. It must be closed.
type Entry struct {
	cache *Cache
	code  *sealed
	once  sync.Once
}

// File returns the sealed memory. It belongs to the entry; its offset belongs to nobody, so read it with
// ReadAt or pass it on.
func (e *Entry) File() *os.File { return e.code.native.File }

// Name is the path, relative to its cache directory, at which wazero looks for the code of the whole module.
func (e *Entry) Name() string { return e.code.native.Name }

// Size is how many bytes the code has.
func (e *Entry) Size() int64 { return e.code.size }

// Shell returns the module's shell in sealed memory, which belongs to the entry as File does, under the name at
// which wazero looks for the code when it is given the shell. Its File is nil if none was put.
func (e *Entry) Shell() NamedFile { return e.code.shell }

// Close lets go of the code. Closing twice is closing once.
func (e *Entry) Close() error {
	e.once.Do(func() {
		e.cache.mu.Lock()
		defer e.cache.mu.Unlock()
		e.cache.release(e.code)
	})
	return nil
}

// take returns an entry for code that is in memory, and makes it the hottest. c.mu is held.
func (c *Cache) take(s *sealed) *Entry {
	s.users++
	if c.hot.add(s) {
		s.users++
	}
	c.cool()
	return &Entry{cache: c, code: s}
}

// release gives up one use. c.mu is held.
func (c *Cache) release(s *sealed) {
	if s.users--; s.users > 0 {
		return
	}
	if c.live[s.key] == s {
		delete(c.live, s.key)
	}
	_ = s.close()
}

// cool lets go of the coldest code until the rest fits. c.mu is held.
func (c *Cache) cool() {
	for {
		s := c.hot.surplus()
		if s == nil {
			return
		}
		c.release(s)
	}
}

// A hotList is code that is kept in memory though perhaps nobody uses it, coldest first.
type hotList struct {
	max   int64
	bytes int64
	order []*sealed
}

// add makes s the hottest and reports whether it is new to the list.
func (h *hotList) add(s *sealed) bool {
	at := slices.Index(h.order, s)
	if at >= 0 {
		h.order = append(slices.Delete(h.order, at, at+1), s)
		return false
	}
	if s.bytes() > h.max {
		return false
	}
	h.order = append(h.order, s)
	h.bytes += s.bytes()
	return true
}

// surplus takes the coldest off the list if it holds too much.
func (h *hotList) surplus() *sealed {
	if len(h.order) == 0 || h.bytes <= max(h.max, -1) {
		return nil
	}
	s := h.order[0]
	h.order = slices.Delete(h.order, 0, 1)
	h.bytes -= s.bytes()
	return s
}

// drop takes s off the list and reports whether it was there.
func (h *hotList) drop(s *sealed) bool {
	at := slices.Index(h.order, s)
	if at < 0 {
		return false
	}
	h.order = slices.Delete(h.order, at, at+1)
	h.bytes -= s.bytes()
	return true
}
