package bolt

import (
	"bytes"
	"errors"
	"maps"
	"slices"

	"go.etcd.io/bbolt"

	"github.com/soltihq/solti-host/host/internal/event"
	"github.com/soltihq/solti-host/host/internal/store"
	"github.com/soltihq/solti-host/host/internal/store/codec"
	"github.com/soltihq/solti-host/host/task"
)

// Load calls item for every task and returns the rest; see [store.Store].
func (s *Store) Load(item func(store.Item) error) (meta store.Meta, err error) {
	defer guard(&err, "load")
	err = s.db.View(func(tx *bbolt.Tx) error {
		l := loader{tables: tablesOf(tx), meta: store.Meta{Epoch: s.epoch}}
		l.run = l.runs.Cursor()
		l.next.key, l.next.value = l.run.First()
		err := l.load(item, s.now().UnixMilli())
		meta = l.meta
		return err
	})
	meta.Count, meta.Records = s.w.totals.Count, s.w.totals.Records
	return meta, err
}

// A loader walks tasks and runs side by side, both in the order of UIDs.
type loader struct {
	tables
	meta store.Meta
	run  *bbolt.Cursor
	next pair // the next run
}

func (l *loader) load(item func(store.Item) error, now int64) error {
	c := l.tasks.Cursor()
	for k, v := c.First(); k != nil; k, v = c.Next() {
		if len(k) != uidSize {
			l.damage(tasksBucket, k, corrupt(tasksBucket, k, errors.New("the key is no UID")))
			continue
		}
		it, err := l.task(task.UID(k), v)
		if err != nil {
			continue // reported
		}
		if err := item(it); err != nil {
			return err
		}
	}
	l.orphans(nil)
	l.idempotency(now)
	return nil
}

// task assembles a task, or reports why it cannot be.
func (l *loader) task(uid task.UID, v []byte) (store.Item, error) {
	l.orphans(uid[:])
	first, last := l.span(uid)
	t, book, err := assemble(l.tables, uid, v, last, true)
	if err != nil {
		return store.Item{}, l.damage(tasksBucket, uid[:], err)
	}
	it := store.Item{Task: t, Book: book}
	if last.key == nil {
		return it, nil
	}
	r, err := decodeRun(last.key, last.value)
	if err != nil {
		return it, l.damage(runsBucket, last.key, err)
	}
	it.First, it.Last = &r, &r
	if bytes.Equal(first.key, last.key) {
		return it, nil
	}
	old, err := decodeRun(first.key, first.value)
	if err != nil {
		l.damage(runsBucket, first.key, err)
		old.Attempt, _ = attemptOf(uid, first.key)
	}
	it.First = &old
	return it, nil
}

// span returns the first and the last run of a task, and goes on to the next task's.
func (l *loader) span(uid task.UID) (first, last pair) {
	for ; bytes.HasPrefix(l.next.key, uid[:]); l.next.key, l.next.value = l.run.Next() {
		if _, ok := attemptOf(uid, l.next.key); !ok {
			l.damage(runsBucket, l.next.key, corrupt(runsBucket, l.next.key, errors.New("the key has another length")))
			continue
		}
		if first.key == nil {
			first = l.next
		}
		last = l.next
	}
	return first, last
}

// orphans reports the runs that come before that task, or all that are left, and belong to none.
func (l *loader) orphans(before []byte) {
	for l.next.key != nil && (before == nil || bytes.Compare(l.next.key, before) < 0) {
		l.damage(runsBucket, l.next.key, corrupt(runsBucket, l.next.key, errors.New("a run of no task")))
		l.next.key, l.next.value = l.run.Next()
	}
}

// idempotency reads the keys that have not expired.
func (l *loader) idempotency(now int64) {
	found := make(map[string]event.Key)
	c := l.keys.Cursor()
	for k, v := c.First(); k != nil; k, v = c.Next() {
		if at, ok := expiryOf(k); ok && at <= now {
			continue
		}
		p, err := payload(keysBucket, k, v)
		if err != nil {
			l.damage(keysBucket, k, err)
			continue
		}
		key, err := codec.DecodeKey(p)
		if err != nil {
			l.damage(keysBucket, k, corrupt(keysBucket, k, err))
			continue
		}
		found[key.Text] = key
	}
	for _, text := range slices.Sorted(maps.Keys(found)) {
		l.meta.Keys = append(l.meta.Keys, found[text])
	}
}

func (l *loader) damage(bucket string, key []byte, err error) error {
	l.meta.Damaged = append(l.meta.Damaged, store.Damage{Bucket: bucket, Key: keyText(bucket, key), Err: err})
	return err
}
