package output

import "github.com/soltihq/solti-host/host/task"

// An Observer counts. Its methods are called often, from many goroutines, some while a writer's lock
// is held: they must return at once and must not call the store.
type Observer interface {
	Written(s task.Stream, n int64) // bytes of data that were kept
	Dropped(why Drop, n int64)      // bytes that were not kept, or are not kept any more
	Followers(n int)                // readers that are open
	Spool(n int64)                  // bytes of files; without a directory, of rings
}

// nobody is the observer of a store that has none.
type nobody struct{}

func (nobody) Written(task.Stream, int64) {}
func (nobody) Dropped(Drop, int64)        {}
func (nobody) Followers(int)              {}
func (nobody) Spool(int64)                {}
