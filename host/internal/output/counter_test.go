package output

import (
	"sync"
	"sync/atomic"

	"github.com/soltihq/solti-host/host/task"
)

// A counter is an Observer that remembers.
type counter struct {
	written   atomic.Int64
	followers atomic.Int64
	spool     atomic.Int64
	mu        sync.Mutex
	dropped   map[Drop]int64
}

func (c *counter) Written(_ task.Stream, n int64) { c.written.Add(n) }
func (c *counter) Followers(n int)                { c.followers.Store(int64(n)) }
func (c *counter) Spool(n int64)                  { c.spool.Store(n) }

func (c *counter) Dropped(why Drop, n int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.dropped == nil {
		c.dropped = make(map[Drop]int64)
	}
	c.dropped[why] += n
}

func (c *counter) drops(why Drop) int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.dropped[why]
}
