package bolt

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"github.com/soltihq/solti-host/host/internal/store"
	"github.com/soltihq/solti-host/host/internal/store/codec"
)

// Options are what a [Store] can work without.
type Options struct {
	Logger       hclog.Logger
	Now          func() time.Time // wall time, for the expiry of keys; nil means time.Now
	LockWait     time.Duration    // how long to wait for another host to end; 0 means 2 s
	Reserve      int64            // bytes kept for a full disk; 0 means three times store.Outstanding
	CompactAbove int64            // files up to this size are not compacted at start; 0 means 256 MiB
}

func (o Options) defaulted() Options {
	if o.Logger == nil {
		o.Logger = hclog.NewNullLogger()
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.LockWait == 0 {
		o.LockWait = 2 * time.Second
	}
	if o.Reserve == 0 {
		o.Reserve = 3 * store.Outstanding // pages that are half full, and copies of those that change
	}
	if o.CompactAbove == 0 {
		o.CompactAbove = 256 << 20
	}
	return o
}

// growth is by how much the file grows at a time, and mapped how much of it is mapped from the start:
// within that, a long read, such as a backup, never holds up a commit.
const (
	growth = 4 << 20
	mapped = 1 << 30
)

// A Store is a directory with the host's state. One process has it open at a time.
type Store struct {
	db      *bbolt.DB
	now     func() time.Time
	log     hclog.Logger
	lock    *lock
	reserve *reserve
	epoch   string

	writing sync.Mutex // held by Commit
	w       writer     // guarded by writing
	broken  error      // guarded by writing; wraps store.ErrBroken
}

// Open opens the store in dir, which is made with mode 0700 if it is not there. It refuses a directory
// that others may write to, that another host has open, or whose file has a later schema.
func Open(dir string, o Options) (*Store, error) {
	o = o.defaulted()
	if err := prepare(dir); err != nil {
		return nil, err
	}
	l, err := acquire(filepath.Join(dir, "lock"), o.LockWait)
	if err != nil {
		return nil, err
	}
	s := &Store{now: o.Now, log: o.Logger, lock: l}
	if err := s.open(dir, o); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *Store) open(dir string, o Options) error {
	path := filepath.Join(dir, "state.db")
	db, err := openFile(path)
	if err != nil {
		return err
	}
	s.db = db
	if worthCompacting(db, o.CompactAbove) {
		if s.db, err = compact(db, path, s.log); err != nil {
			return err
		}
	}
	if s.epoch, s.w.totals, err = initialise(s.db, path); err != nil {
		return err
	}
	if err := syncDir(dir); err != nil {
		return fmt.Errorf("state directory: %w", err)
	}
	s.reserve = &reserve{path: filepath.Join(dir, "reserve"), size: o.Reserve}
	if err := s.reserve.make(); err != nil && !full(err) {
		return fmt.Errorf("reserve disk space: %w", err)
	}
	return nil
}

// prepare makes the directory, durably, or checks the one that is there.
func prepare(dir string) error {
	var grown []string // directories that get a new entry
	for d := filepath.Clean(dir); !exists(d); d = filepath.Dir(d) {
		grown = append(grown, filepath.Dir(d))
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("state directory: %w", err)
	}
	for _, d := range grown {
		if err := syncDir(d); err != nil && !errors.Is(err, fs.ErrPermission) {
			return fmt.Errorf("state directory: %w", err)
		}
	}
	info, err := os.Stat(dir)
	if err != nil {
		return fmt.Errorf("state directory: %w", err)
	}
	if mode := info.Mode().Perm(); mode&0o022 != 0 {
		return fmt.Errorf("state directory %s has mode %#o: others could replace its files, use chmod go-w or another directory", dir, mode)
	}
	return nil
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return !errors.Is(err, fs.ErrNotExist)
}

// openFile opens the database. What is wrong with the file as a whole is an error, never a panic.
func openFile(path string) (db *bbolt.DB, err error) {
	defer guard(&err, "open "+path)
	if err := checkSize(path); err != nil {
		return nil, err
	}
	db, err = bbolt.Open(path, 0o600, options())
	if err != nil {
		if errors.Is(err, bolterrors.ErrInvalid) || errors.Is(err, bolterrors.ErrChecksum) || errors.Is(err, bolterrors.ErrVersionMismatch) {
			err = fmt.Errorf("%w: %w", store.ErrCorrupt, err)
		}
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	db.AllocSize = growth
	return db, nil
}

func options() *bbolt.Options {
	o := &bbolt.Options{
		Timeout:        time.Second,
		NoFreelistSync: true,
		FreelistType:   bbolt.FreelistMapType,
	}
	if strconv.IntSize == 64 {
		o.InitialMmapSize = mapped
	}
	return o
}

// Close waits for what is going on and gives the directory free.
func (s *Store) Close() error {
	s.writing.Lock()
	defer s.writing.Unlock()
	if s.broken == nil {
		s.broken = fmt.Errorf("%w: it is closed", store.ErrBroken)
	}
	var err error
	if s.db != nil {
		err = s.db.Close()
	}
	return errors.Join(err, s.lock.release())
}

// guard turns a panic of the database, which is how it reports pages that are not what they should
// be, into an error.
func guard(err *error, doing string) {
	if r := recover(); r != nil {
		*err = fmt.Errorf("%s: %w: %v", doing, store.ErrCorrupt, r)
	}
}

// corrupt says that one value is not what was written.
func corrupt(bucket string, key []byte, err error) error {
	return fmt.Errorf("%w: bucket %s, key %s: %w", store.ErrCorrupt, bucket, keyText(bucket, key), err)
}

// payload checks a value and returns its payload, valid as long as the transaction.
func payload(bucket string, key, v []byte) ([]byte, error) {
	p, err := codec.Open(bucket, key, v)
	if err != nil {
		return nil, corrupt(bucket, key, err)
	}
	return p, nil
}
