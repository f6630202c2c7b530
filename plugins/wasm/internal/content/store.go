package content

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"

	"github.com/hashicorp/go-hclog"

	"github.com/soltihq/solti-host/plugins/wasm/internal/private"
)

// Bounds of a store whose [Options] are zero.
const (
	DefaultBytes  = 4 << 30
	DefaultModule = 64 << 20
	defaultFiles  = 1 << 16
	unpackedSpare = 64 << 20 // what an archive may hold besides a module, decompressed
)

const (
	directory  = "sha256"
	copyBuffer = 256 << 10
)

// Options are what a store can do without.
type Options struct {
	Bytes  int64 // what all modules may take on the disk; 0 means DefaultBytes
	Module int64 // what one module may have; 0 means DefaultModule
	Log    hclog.Logger
}

// A Store keeps modules. Several processes may have the same one open. Its methods may be called from any
// goroutine.
type Store struct {
	dir    *private.Dir
	module int64
	budget private.Budget

	naming sync.Mutex // held while a file gets its name, or loses it because it is damaged

	mu       sync.Mutex
	bytes    int64               // guarded by mu; on the disk, as of the last look and what we put since
	files    int                 // guarded by mu; likewise
	verified map[Digest]verified // guarded by mu; files whose content was hashed by this process
	damaged  int                 // guarded by mu
	lost     map[Digest]bool     // guarded by mu; those that were damaged and have not come again
	log      hclog.Logger
}

// Open opens the store below dir, which is made if it is missing. It refuses a directory that is a
// symbolic link, belongs to somebody else, or is open to others.
func Open(dir string, o Options) (*Store, error) {
	outer, err := private.Open(dir)
	if err != nil {
		return nil, fmt.Errorf("module store: %w", err)
	}
	defer func() { _ = outer.Close() }()
	inner, err := outer.Sub(directory)
	if err != nil {
		return nil, fmt.Errorf("module store: %w", err)
	}
	s := &Store{
		dir: inner, module: o.Module, budget: private.Budget{Bytes: o.Bytes, Files: defaultFiles},
		verified: map[Digest]verified{}, lost: map[Digest]bool{}, log: o.Log,
	}
	if s.log == nil {
		s.log = hclog.NewNullLogger()
	}
	if s.module <= 0 {
		s.module = DefaultModule
	}
	if s.budget.Bytes <= 0 {
		s.budget.Bytes = DefaultBytes
	}
	if err := errors.Join(s.dir.Sweep(), s.evict()); err != nil {
		return nil, errors.Join(fmt.Errorf("module store: %w", err), s.Close())
	}
	return s, nil
}

// Close releases the store. Files that it returned stay open.
func (s *Store) Close() error { return s.dir.Close() }

// Stats are what a store tells about itself.
type Stats struct {
	Bytes   int64 // on the disk
	Modules int
	Damaged int // files that did not hold what their name says, and were moved away
}

// Stats returns the store's figures. Those of the disk are as of its last change by this process.
func (s *Store) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	return Stats{s.bytes, s.files, s.damaged}
}

// Missing returns nil if the store has a file for the module, into which it does not look, and otherwise an error that
// says why; [ErrNotFound] is wrapped where there is none.
func (s *Store) Missing(d Digest) error {
	file, err := s.open(d)
	if err != nil {
		return err
	}
	return file.Close()
}

// Get returns the module, open for reading, at its beginning. It stays in the store until the file and
// every duplicate of its descriptor are closed. A module that the store does not have, or has no longer
// as it was, is an error that wraps [ErrNotFound].
func (s *Store) Get(d Digest) (*os.File, error) {
	file, err := s.open(d)
	if err != nil {
		return nil, err
	}
	if err := s.verify(d, file); err != nil {
		err = errors.Join(err, file.Close())
		if errors.Is(err, errReplaced) {
			return s.Get(d)
		}
		return nil, err
	}
	return file, nil
}

func (s *Store) open(d Digest) (*os.File, error) {
	if !d.valid() {
		_, err := ParseDigest(string(d))
		return nil, fmt.Errorf("%w: %w", ErrNotFound, err)
	}
	file, err := s.dir.Open(d.Hex())
	unsafe := (*private.UnsafeError)(nil)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, s.absent(d)
	case errors.As(err, &unsafe):
		err = s.condemn(d, err, func() bool { return s.unsafe(d) })
		if errors.Is(err, errReplaced) {
			return s.open(d)
		}
	}
	return file, err
}

// unsafe reports whether what has the name of a module cannot be trusted.
func (s *Store) unsafe(d Digest) bool {
	file, err := s.dir.Open(d.Hex())
	if err == nil {
		_ = file.Close()
	}
	return errors.As(err, new(*private.UnsafeError))
}

// absent says that there is no file for a module, and if there was one, what became of it.
func (s *Store) absent(d Digest) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.lost[d] {
		return fmt.Errorf("%w any more: its file was damaged and has been moved away; hand it in again: %s", ErrNotFound, d)
	}
	return fmt.Errorf("%w: %s", ErrNotFound, d)
}

// errReplaced says that a damaged file is not the module's any more: somebody else has found it, or put another one.
var errReplaced = errors.New("another file has come in its place")

// condemn moves the file of a module out of the way, if it is still the one that is damaged, and returns what to say.
func (s *Store) condemn(d Digest, why error, still func() bool) error {
	const most = 1 << 12
	s.naming.Lock()
	defer s.naming.Unlock()
	if !still() {
		return errReplaced
	}
	s.mu.Lock()
	s.damaged++
	delete(s.verified, d)
	if len(s.lost) < most {
		s.lost[d] = true
	}
	s.mu.Unlock()
	err := s.dir.Quarantine(d.Hex())
	s.log.Error("a module in the store was damaged and has been moved away; hand it in again", "module", d, "error", errors.Join(why, err))
	return errors.Join(fmt.Errorf("%w any more: its file was damaged and has been moved away; hand it in again: %w", ErrNotFound, why), err)
}

// evict makes room, and takes stock.
func (s *Store) evict(keep ...string) error {
	e, err := s.dir.Evict(s.budget, keep...)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bytes, s.files = e.Kept, e.Files
	return nil
}
