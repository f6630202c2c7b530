package bolt

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/hashicorp/go-hclog"
	"go.etcd.io/bbolt"
)

// worthCompacting reports whether the file is large and more than half of it holds nothing.
func worthCompacting(db *bbolt.DB, above int64) bool {
	info, err := os.Stat(db.Path())
	if err != nil || info.Size() <= above {
		return false
	}
	stats := db.Stats()
	used := int64(0)
	err = db.View(func(tx *bbolt.Tx) error {
		used = tx.Size() - int64(stats.FreePageN+stats.PendingPageN)*int64(db.Info().PageSize)
		return nil
	})
	return err == nil && used < info.Size()/2
}

// compact copies db to a new file, puts that in its place, and returns it opened. Until the new file
// is in place the old one is untouched; where the copy fails, the old one is used on.
func compact(db *bbolt.DB, path string, log hclog.Logger) (*bbolt.DB, error) {
	temp := path + ".compact"
	if err := copyTo(db, temp); err != nil {
		log.Warn("the state file could not be compacted", "path", path, "error", err)
		return db, errors.Join(removeIfThere(temp))
	}
	if err := db.Close(); err != nil {
		return db, fmt.Errorf("compact %s: %w", path, err)
	}
	if err := errors.Join(os.Rename(temp, path), syncDir(filepath.Dir(path))); err != nil {
		return db, fmt.Errorf("compact %s: %w", path, err)
	}
	log.Info("the state file was compacted", "path", path)
	return openFile(path)
}

// copyTo writes a durable copy of db, without its free pages.
func copyTo(db *bbolt.DB, path string) error {
	if err := removeIfThere(path); err != nil {
		return err
	}
	o := options()
	o.NoSync = true
	dst, err := bbolt.Open(path, 0o600, o)
	if err != nil {
		return err
	}
	dst.AllocSize = growth
	const transaction = 8 << 20
	err = bbolt.Compact(dst, db, transaction)
	if err == nil {
		err = dst.Sync()
	}
	return errors.Join(err, dst.Close())
}

func removeIfThere(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// Backup writes a copy of the store as of now to w, which can be put in place of state.db. Commits go
// on meanwhile; the pages that they replace are kept until the backup is done, so a slow w makes the
// file grow.
func (s *Store) Backup(w io.Writer) (err error) {
	defer guard(&err, "backup")
	return s.db.View(func(tx *bbolt.Tx) error {
		if _, err := tx.WriteTo(w); err != nil {
			return fmt.Errorf("backup: %w", err)
		}
		return nil
	})
}
