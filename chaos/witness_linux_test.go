package chaos

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/soltihq/solti-host/chaos/internal/oracle"
	"github.com/soltihq/solti-host/host/client"
	"github.com/soltihq/solti-host/host/task"
)

// An observer lists tasks again and again and notes what changed. One goroutine uses it.
type observer struct {
	*world
	seen  map[task.UID]string // resource version
	notes []oracle.Sighting
}

// run looks until ctx ends.
func (o *observer) run(ctx context.Context) {
	o.seen = map[task.UID]string{}
	for round := 0; ctx.Err() == nil; round++ {
		q := task.Query{Phases: []task.Phase{task.Running, task.Pending}}
		if round%20 == 0 {
			q = task.Query{}
		}
		o.look(ctx, q)
		wait(ctx, 100*time.Millisecond)
	}
}

func (o *observer) look(ctx context.Context, q task.Query) {
	life := int(o.life.Load())
	tasks, _ := o.list(ctx, q) // a host that dies meanwhile has shown what it has shown
	for _, t := range tasks {
		md := t.Metadata
		if o.seen[md.UID] == md.ResourceVersion {
			continue
		}
		o.seen[md.UID] = md.ResourceVersion
		o.notes = append(o.notes, oracle.Sighting{
			Life: life, Name: md.Name, UID: md.UID, Generation: md.Generation, Attempt: t.Status.Attempt, Outcome: t.Status.Outcome,
		})
	}
}

// followers follow the output of tasks, over all deaths of the host.
type followers struct {
	*world
	ctx  context.Context // of all of them
	room chan struct{}   // as many as may follow at one time
	work sync.WaitGroup

	mu   sync.Mutex
	done []oracle.Followed // guarded by mu
}

func newFollowers(ctx context.Context, w *world) *followers {
	return &followers{world: w, ctx: ctx, room: make(chan struct{}, 8)}
}

// follow follows a task to its end, if there is room.
func (f *followers) follow(name task.Name, uid task.UID) {
	select {
	case f.room <- struct{}{}:
	default:
		return
	}
	f.work.Go(func() {
		defer func() { <-f.room }()
		seen := oracle.Followed{Name: name, UID: uid, Stdout: map[int][]byte{}}
		err := f.read(&seen)
		switch {
		case err == nil:
			f.mu.Lock()
			defer f.mu.Unlock()
			f.done = append(f.done, seen)
		case !errors.Is(err, task.ErrNotFound):
			f.oddly("following %s ended with: %v", name, err)
		}
	})
}

func (f *followers) read(seen *oracle.Followed) error {
	for {
		err := readOutput(f.ctx, f.client, seen.Name, seen.UID, seen.Stdout, func(attempt int, gap int64) {
			f.oddly("following %s attempt %d met a gap of %d bytes", seen.Name, attempt, gap)
		})
		if !errors.Is(err, client.ErrNoHost) { // nobody was asked yet
			return err
		}
		if !wait(f.ctx, 20*time.Millisecond) {
			return context.Cause(f.ctx)
		}
	}
}

// readOutput reads the whole output of a task, to its end.
func readOutput(ctx context.Context, c *client.Client, name task.Name, uid task.UID, out map[int][]byte, gap func(int, int64)) error {
	q := task.OutputQuery{UID: uid, From: task.Cursor{Attempt: 1}, Rest: true, Follow: true}
	for chunk, err := range c.Output(ctx, name, q) {
		switch {
		case err != nil:
			return err
		case chunk.Gap > 0:
			gap(chunk.Attempt, chunk.Gap)
		case chunk.Stream == task.Stdout:
			out[chunk.Attempt] = append(out[chunk.Attempt], chunk.Data...)
		}
	}
	return nil
}
