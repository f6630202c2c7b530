package cache

import (
	"errors"
	"io"
	"io/fs"
	"time"

	"github.com/soltihq/solti-host/plugins/wasm/internal/private"
)

// Get returns the code for the key. [ErrMiss] means that there is none, or that what there was could not be
// trusted and is gone.
func (c *Cache) Get(k Key) (*Entry, error) {
	for {
		c.mu.Lock()
		if s := c.live[k]; s != nil {
			defer c.mu.Unlock()
			c.stats.Hits++
			c.touch(s)
			return c.take(s), nil
		}
		if wait, ok := c.loading[k]; ok {
			c.mu.Unlock()
			<-wait.done
			if wait.missed {
				c.count(func(st *Stats) { st.Misses++ })
				return nil, ErrMiss
			}
			continue // and load it again, should it be gone from memory by now
		}
		mine := &load{done: make(chan struct{})}
		c.loading[k] = mine
		c.mu.Unlock()
		return c.finish(k, mine)
	}
}

// A load is code on its way into memory.
type load struct {
	done   chan struct{} // closed when it is over
	missed bool          // set before done is closed
}

// finish loads the code for everybody who waits for it.
func (c *Cache) finish(k Key, mine *load) (*Entry, error) {
	s, err := c.fetch(k)
	c.mu.Lock()
	defer c.mu.Unlock()
	defer close(mine.done)
	delete(c.loading, k)
	if err != nil {
		if mine.missed = errors.Is(err, ErrMiss); mine.missed {
			c.stats.Misses++
		}
		return nil, err
	}
	c.stats.Hits++
	if had := c.live[k]; had != nil { // put meanwhile
		_ = s.close()
		return c.take(had), nil
	}
	c.live[k] = s
	return c.take(s), nil
}

// fetch copies the code from the disk into sealed memory.
func (c *Cache) fetch(k Key) (s *sealed, err error) {
	err = c.read(code, k, c.entry, func(h header, copyTo func(to ...io.Writer) error) (err error) {
		if err := h.checkNames(); err != nil {
			return corruptf("%v", err)
		}
		if s, err = newSealed(k, h); err != nil {
			return err
		}
		if err := copyTo(s.memory()...); err != nil {
			return err
		}
		return s.seal()
	})
	if err != nil {
		if s != nil {
			_ = s.close()
		}
		return nil, err
	}
	_ = c.dir.Touch(code.file(k))
	return s, nil
}

// read opens the file for a key and has use copy its content, to one writer for each part. Whatever is wrong with the
// file becomes ErrMiss; other errors of use are returned.
func (c *Cache) read(what kind, k Key, most int64, use func(h header, copyTo func(to ...io.Writer) error) error) error {
	name := what.file(k)
	file, err := c.dir.Open(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return ErrMiss
	case errors.As(err, new(*private.UnsafeError)):
		c.condemn(name, k, err)
		return ErrMiss
	case err != nil:
		return err
	}
	defer func() { _ = file.Close() }()
	sum := c.mac()
	h, err := readHeader(file, sum, header{Kind: what, Key: k.String()}, most)
	if err == nil {
		err = use(h, func(to ...io.Writer) error { return copyContent(file, sum, h.sizes(), to) })
	}
	if errors.As(err, new(*corruptError)) {
		c.condemn(name, k, err)
		return ErrMiss
	}
	return err
}

// touch marks the file on disk as used, now and then. c.mu is held.
func (c *Cache) touch(s *sealed) {
	if time.Since(s.touched) < touchAgain {
		return
	}
	s.touched = time.Now()
	_ = c.dir.Touch(code.file(s.key))
}
