package output

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/soltihq/solti-host/host/task"
)

// A Key names the output of one attempt.
type Key struct {
	UID     task.UID
	Attempt int // from 1
}

// String returns uid/attempt.
func (k Key) String() string { return k.dir() }

// Options limit a store. The zero value works.
type Options struct {
	RunCap      int64        // bytes of files per run, at least two segments; the oldest go. 0 means 64 MiB
	Rate        int64        // bytes a second per run, in bursts of one second; 0 means no limit
	SpoolCap    int64        // bytes of all files; the oldest ended runs go, then the oldest of live ones. 0 means 4 GiB
	Ring        int64        // bytes of memory per live run that is followed; 0 means 256 KiB
	RingTotal   int64        // bytes of memory of all rings, and of what readers behind them share; 0 means 64 MiB for each
	Small       int64        // a run with more bytes gets a directory of its own; 0 means 64 KiB
	SyncOnClose bool         // fsync a run's last segment when it ends, so that power loss does not take it
	Open        []Key        // runs that had no end when the host died: they are open again
	Known       KnownRuns    // tells which directories of earlier hosts are to stay; nil means all
	Yield       func() bool  // true while others need the room on this disk more: as if it were full. nil means never
	Observer    Observer     // nil means none
	Log         hclog.Logger // nil means none

	block         int64 // bytes of file that are read at once; 0 means 256 KiB
	segment       int64 // bytes of a segment; 0 means 1 MiB
	sharedSegment int64 // bytes of a shared segment; 0 means 16 MiB
}

// KnownRuns tells whether a run is still known. A host that died between forgetting a run and removing
// its output leaves a directory that nobody will ask for. It is called from another goroutine, after
// Open, for runs that are not open; a run must be known from before its Create until it may be removed.
type KnownRuns func(Key) bool

func (o Options) defaulted() Options {
	for _, d := range []struct {
		v       *int64
		missing int64
	}{
		{&o.RunCap, 64 << 20}, {&o.SpoolCap, 4 << 30}, {&o.Ring, 256 << 10}, {&o.RingTotal, 64 << 20},
		{&o.Small, 64 << 10}, {&o.block, blockSize}, {&o.segment, 1 << 20}, {&o.sharedSegment, 16 << 20},
	} {
		if *d.v <= 0 {
			*d.v = d.missing
		}
	}
	if o.Observer == nil {
		o.Observer = nobody{}
	}
	if o.Log == nil {
		o.Log = hclog.NewNullLogger()
	}
	return o
}

// A Store keeps the output of runs. Its methods may be called from any goroutine.
type Store struct {
	opt     Options
	obs     Observer
	disk    *disk    // nil means memory only
	old     []uint32 // shared segments of earlier hosts, oldest first
	shared  shared
	blocks  blocks
	batches sync.Pool // of *batch
	done    chan struct{}
	walk    sync.WaitGroup // measures the directories of earlier hosts

	spool    atomic.Int64 // bytes of files
	ringUsed atomic.Int64 // bytes of rings
	rings    atomic.Int64 // how many there are
	readers  atomic.Int64
	warned   atomic.Int64 // when complain last logged

	mu       sync.Mutex // guards what follows; never held during I/O
	runs     map[Key]*run
	recent   recent
	finished finished
	closed   bool
}

// Open opens the store in dir, making the directory if there is none. An empty dir means memory
// only: what does not fit into the rings is dropped.
func Open(dir string, o Options) (*Store, error) {
	s := &Store{opt: o.defaulted(), done: make(chan struct{}), runs: make(map[Key]*run)}
	s.obs = s.opt.Observer
	s.shared.writer = make(map[*run]int)
	s.blocks = blocks{most: s.opt.RingTotal, each: s.opt.RingTotal / 8, runs: make(map[Key]*shelf)}
	if dir == "" {
		return s, nil
	}
	d, err := openDisk(dir)
	if err != nil {
		return nil, fmt.Errorf("output directory: %w", err)
	}
	s.disk = d
	if y := s.opt.Yield; y != nil {
		d.write = yielding(d.write, y)
	}
	if err := s.load(); err != nil {
		return nil, errors.Join(fmt.Errorf("output directory: %w", err), d.root.Close())
	}
	return s, nil
}

// Close releases the store: readers get task.ErrClosed, and what is written from now on is a gap.
// Runs that were not closed have no end; the next Open takes them as Options.Open.
func (s *Store) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	close(s.done)
	var writers []*Writer
	for _, r := range s.runs {
		if r.w != nil {
			writers = append(writers, r.w)
		}
	}
	s.mu.Unlock()
	s.walk.Wait()
	if s.disk == nil {
		return nil
	}
	var errs []error
	for _, w := range writers {
		w.mu.Lock()
		if w.file != nil {
			errs = append(errs, w.file.Close())
			w.file = nil
		}
		w.mu.Unlock()
	}
	s.shared.mu.Lock()
	if s.shared.file != nil {
		errs = append(errs, s.shared.file.Close())
		s.shared.file = nil
	}
	s.shared.mu.Unlock()
	return errors.Join(append(errs, s.disk.root.Close())...)
}

// Create begins the output of a run; id is written into its files, for people. A run of
// Options.Open goes on where it was. A key is used once: the error wraps task.ErrExists if the run
// has a writer or has ended, and task.ErrClosed if the store is closed.
func (s *Store) Create(k Key, id string) (*Writer, error) {
	if k.UID.IsZero() || k.Attempt < 1 || k.Attempt > 1<<31-1 {
		return nil, fmt.Errorf("output of %s: not an attempt of a task", k)
	}
	w, err := s.lend(k)
	if err != nil {
		return nil, fmt.Errorf("output of %s: %w", k, err)
	}
	w.mu.Lock()
	w.id = id
	w.mu.Unlock()
	return w, nil
}

// lend returns the writer of a run that has not been lent before.
func (s *Store) lend(k Key) (*Writer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, task.ErrClosed
	}
	r := s.runs[k]
	if r == nil {
		r = s.newRun(k)
		s.runs[k] = r
	}
	if r.w == nil {
		s.write(r)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.w.lent || r.life == closed {
		return nil, task.ErrExists
	}
	r.w.lent = true
	return r.w, nil
}

// write gives a run a writer that nobody has yet.
func (s *Store) write(r *run) {
	r.w = &Writer{s: s, r: r}
	r.mu.Lock()
	r.life = open
	r.mu.Unlock()
}

// newRun returns a run that has neither a writer nor output.
func (s *Store) newRun(k Key) *run {
	r := &run{key: k}
	r.kept.place = inShared
	if s.disk == nil {
		r.kept.place = inMemory
	}
	return r
}

// complain logs err, if it is one, but not more than one a second.
func (s *Store) complain(err error) {
	if err == nil || errors.Is(err, os.ErrNotExist) || errors.Is(err, os.ErrClosed) {
		return
	}
	now := time.Now().Unix()
	if last := s.warned.Load(); now != last && s.warned.CompareAndSwap(last, now) {
		s.opt.Log.Warn("output not kept as it should be", "error", err)
	}
}
