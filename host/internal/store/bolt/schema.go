package bolt

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"go.etcd.io/bbolt"

	"github.com/soltihq/solti-host/host/internal/event"
	"github.com/soltihq/solti-host/host/internal/store"
	"github.com/soltihq/solti-host/host/internal/store/codec"
	"github.com/soltihq/solti-host/host/task"
)

// schema is the version of the layout. A later one is refused; what an earlier one lacks is made.
const schema = 1

// The buckets.
const (
	metaBucket   = "meta"
	tasksBucket  = "tasks"
	statusBucket = "status"
	runsBucket   = "runs"
	keysBucket   = "keys"
)

// The keys of the meta bucket.
const (
	schemaKey = "schema"
	epochKey  = "epoch"
	totalsKey = "totals"
)

// appended is how full the pages of buckets are made whose keys mostly come in order.
const appended = 0.9

// ErrSchema says that the file was written by a later version of the host.
var ErrSchema = errors.New("the state was written by a later version of the host")

// tables are the buckets within one transaction.
type tables struct {
	meta, tasks, status, runs, keys *bbolt.Bucket
}

func tablesOf(tx *bbolt.Tx) tables {
	t := tables{
		meta:   tx.Bucket([]byte(metaBucket)),
		tasks:  tx.Bucket([]byte(tasksBucket)),
		status: tx.Bucket([]byte(statusBucket)),
		runs:   tx.Bucket([]byte(runsBucket)),
		keys:   tx.Bucket([]byte(keysBucket)),
	}
	t.tasks.FillPercent = appended
	t.runs.FillPercent = appended
	return t
}

// initialise makes the buckets of a new file, or checks those of an old one, which it does not write to.
func initialise(db *bbolt.DB, path string) (epoch string, totals codec.Totals, err error) {
	defer guard(&err, "open "+path)
	fresh := false
	err = db.View(func(tx *bbolt.Tx) error {
		name, _ := tx.Cursor().First()
		if fresh = name == nil; fresh || tx.Bucket([]byte(metaBucket)) != nil {
			return nil
		}
		return fmt.Errorf("%s: %w: not the state of a solti-host: it has a bucket %q and none named %q",
			path, store.ErrCorrupt, name, metaBucket)
	})
	if err == nil && fresh {
		if err = db.Update(create); err != nil {
			err = fmt.Errorf("initialise %s: %w", path, err)
		}
	}
	if err != nil {
		return "", totals, err
	}
	err = db.View(func(tx *bbolt.Tx) error {
		if epoch, totals, err = readMeta(tx.Bucket([]byte(metaBucket)), path); err != nil {
			return err
		}
		for _, name := range []string{tasksBucket, statusBucket, runsBucket, keysBucket} {
			if tx.Bucket([]byte(name)) == nil {
				return fmt.Errorf("%s: %w: there is no bucket %q", path, store.ErrCorrupt, name)
			}
		}
		return nil
	})
	return epoch, totals, err
}

func create(tx *bbolt.Tx) error {
	for _, name := range []string{metaBucket, tasksBucket, statusBucket, runsBucket, keysBucket} {
		if _, err := tx.CreateBucket([]byte(name)); err != nil {
			return err
		}
	}
	meta := tx.Bucket([]byte(metaBucket))
	epoch := strings.ToLower(rand.Text()[:10])
	return errors.Join(
		putMeta(meta, schemaKey, codec.AppendNumber(codec.Begin(nil), schema)),
		putMeta(meta, epochKey, codec.AppendText(codec.Begin(nil), epoch)),
		putMeta(meta, totalsKey, codec.Begin(nil)),
	)
}

func putMeta(meta *bbolt.Bucket, key string, unfinished []byte) error {
	return meta.Put([]byte(key), codec.End(unfinished, 0, metaBucket, []byte(key)))
}

func readMeta(meta *bbolt.Bucket, path string) (epoch string, totals codec.Totals, err error) {
	version, err := readValue(meta, schemaKey, codec.DecodeNumber)
	if err != nil {
		return "", totals, fmt.Errorf("%s: %w", path, err)
	}
	if version > schema {
		return "", totals, fmt.Errorf("%s: %w: it has schema version %d, this host knows versions up to %d: start that version again, or use another state directory",
			path, ErrSchema, version, schema)
	}
	if epoch, err = readValue(meta, epochKey, codec.DecodeText); err != nil {
		return "", totals, fmt.Errorf("%s: %w", path, err)
	}
	if totals, err = readValue(meta, totalsKey, codec.DecodeTotals); err != nil {
		return "", totals, fmt.Errorf("%s: %w", path, err)
	}
	return epoch, totals, nil
}

// readValue reads a value of the meta bucket, which must be there.
func readValue[T any](meta *bbolt.Bucket, key string, decode func([]byte) (T, error)) (v T, err error) {
	raw := meta.Get([]byte(key))
	if raw == nil {
		return v, corrupt(metaBucket, []byte(key), errors.New("it is missing"))
	}
	p, err := payload(metaBucket, []byte(key), raw)
	if err != nil {
		return v, err
	}
	if v, err = decode(p); err != nil {
		return v, corrupt(metaBucket, []byte(key), err)
	}
	return v, nil
}

const (
	uidSize = len(task.UID{})
	runSize = uidSize + 8
	keySize = 8 + 16
)

// runKey appends the key of a run.
func runKey(b []byte, uid task.UID, attempt int) []byte {
	return binary.BigEndian.AppendUint64(append(b, uid[:]...), uint64(attempt))
}

// attemptOf returns the attempt of a run's key, if it is one of the task with that UID.
func attemptOf(uid task.UID, key []byte) (int, bool) {
	if len(key) != runSize || !bytes.HasPrefix(key, uid[:]) {
		return 0, false
	}
	return int(binary.BigEndian.Uint64(key[uidSize:])), true
}

// idemKey appends the key of an idempotency key: keys that expire earlier come first.
func idemKey(b []byte, k *event.Key) []byte {
	sum := sha256.Sum256([]byte(k.Text))
	b = binary.BigEndian.AppendUint64(b, uint64(max(0, k.Expires.UnixMilli())))
	return append(b, sum[:16]...)
}

// expiryOf returns when the idempotency key under key expires, in milliseconds.
func expiryOf(key []byte) (int64, bool) {
	if len(key) != keySize {
		return 0, false
	}
	return int64(binary.BigEndian.Uint64(key)), true
}

// keyText returns a key as people can read it: a word, a UID, a UID with an attempt, or digits.
func keyText(bucket string, key []byte) string {
	switch {
	case bucket == metaBucket:
		return string(key)
	case bucket == keysBucket:
	case len(key) == uidSize:
		return task.UID(key).String()
	case len(key) == runSize:
		return fmt.Sprintf("%s/%d", task.UID(key[:uidSize]), binary.BigEndian.Uint64(key[uidSize:]))
	}
	return hex.EncodeToString(key)
}
