package cache

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/soltihq/solti-host/plugins/wasm/internal/private"
)

// Bounds of a cache whose [Options] are zero.
const (
	DefaultBytes = 2 << 30
	DefaultHot   = 256 << 20
	DefaultEntry = 1 << 30
	maxNote      = 4 << 20
	maxFiles     = 1 << 16
)

// touchAgain is how exactly the order is kept on disk in which code was used.
const touchAgain = time.Hour

// ErrMiss is what Get and Note return for a key that the cache has nothing for, or nothing good.
var ErrMiss = errors.New("not in the cache")

// Options are what a cache can do without.
type Options struct {
	Bytes int64 // what it may take on the disk; 0 means DefaultBytes
	Hot   int64 // what it may keep in memory when nobody uses it; 0 means DefaultHot, negative nothing
	Entry int64 // what the code of one module may have, and its shell too; 0 means DefaultEntry
	Log   hclog.Logger
}

// A Cache keeps native code. Its methods may be called from any goroutine.
type Cache struct {
	dir    *private.Dir
	secret [32]byte
	budget private.Budget
	entry  int64
	log    hclog.Logger

	mu      sync.Mutex
	live    map[Key]*sealed // guarded by mu; code in memory, in use or hot
	loading map[Key]*load   // guarded by mu
	hot     hotList         // guarded by mu
	stats   Stats           // guarded by mu
}

// Stats are what a cache has done since it was opened, and what it holds.
type Stats struct {
	Hits         int64 // from memory or disk
	Misses       int64
	Corrupt      int64 // files that were not what they should be
	Quarantined  int64 // of them, those that could be moved away
	Evicted      int64 // files
	EvictedBytes int64
	WriteErrors  int64 // entries that could not be kept on disk

	DiskBytes   int64 // as of the last change by this process
	Files       int
	MemoryBytes int64 // of code in memory, in use or hot
	Live        int   // modules whose code is in memory
}

// Open opens the cache in the directory, which is made if it is missing. It refuses a directory that is a
// symbolic link, belongs to somebody else, or is open to others.
func Open(dir string, secret [32]byte, o Options) (*Cache, error) {
	d, err := private.Open(dir)
	if err != nil {
		return nil, fmt.Errorf("code cache: %w", err)
	}
	c := &Cache{
		dir: d, secret: secret, log: o.Log,
		budget: private.Budget{Bytes: orDefault(o.Bytes, DefaultBytes), Files: maxFiles},
		entry:  orDefault(o.Entry, DefaultEntry),
		live:   map[Key]*sealed{}, loading: map[Key]*load{},
		hot: hotList{max: orDefault(o.Hot, DefaultHot)},
	}
	if c.log == nil {
		c.log = hclog.NewNullLogger()
	}
	if err := errors.Join(d.Sweep(), c.evict()); err != nil {
		return nil, errors.Join(fmt.Errorf("code cache: %w", err), d.Close())
	}
	return c, nil
}

func orDefault(n, byDefault int64) int64 {
	if n == 0 {
		return byDefault
	}
	return n
}

// Close forgets what is in memory. Entries that are in use stay usable.
func (c *Cache) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.hot.max = -1
	c.cool()
	return c.dir.Close()
}

// Stats returns the figures.
func (c *Cache) Stats() Stats {
	c.mu.Lock()
	defer c.mu.Unlock()
	st := c.stats
	st.Live = len(c.live)
	for _, s := range c.live {
		st.MemoryBytes += s.bytes()
	}
	return st
}

// count changes the figures.
func (c *Cache) count(change func(*Stats)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	change(&c.stats)
}

// condemn moves a file away that is not what it should be.
func (c *Cache) condemn(name string, key Key, why error) {
	err := c.dir.Quarantine(name)
	c.count(func(st *Stats) {
		st.Corrupt++
		if err == nil {
			st.Quarantined++
		}
	})
	c.log.Warn("cached code is not what was put into the cache; it is not used and the module is compiled again",
		"key", key.String(), "file", name, "problem", why, "quarantine", err)
}

// evict makes room on disk, and takes stock.
func (c *Cache) evict(keep ...string) error {
	e, err := c.dir.Evict(c.budget, keep...)
	if err != nil {
		return err
	}
	c.count(func(st *Stats) {
		st.DiskBytes, st.Files = e.Kept, e.Files
		st.Evicted += int64(e.Removed)
		st.EvictedBytes += e.Evicted
	})
	return nil
}
