package bolt

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"go.etcd.io/bbolt"

	"github.com/soltihq/solti-host/host/internal/event"
	"github.com/soltihq/solti-host/host/internal/store"
	"github.com/soltihq/solti-host/host/internal/store/codec"
	"github.com/soltihq/solti-host/host/task"
)

// Commit makes all records durable in one transaction, or none; see [store.Store].
func (s *Store) Commit(records []event.Record) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	if s.broken != nil {
		return s.broken
	}
	totals, err := s.transact(records)
	if err == nil {
		s.w.totals = totals
		return nil
	}
	if !fullBeforeSync(err) {
		s.broken = fmt.Errorf("%w: %w", store.ErrBroken, err)
		return s.broken
	}
	return errors.Join(fmt.Errorf("%w: %w", store.ErrFull, err), s.reserve.release())
}

func (s *Store) transact(records []event.Record) (totals codec.Totals, err error) {
	defer guard(&err, "commit")
	s.w.batch.reset(records)
	err = s.db.Update(func(tx *bbolt.Tx) error {
		s.w.tables = tablesOf(tx)
		totals, err = s.w.write(records, s.now())
		return err
	})
	s.w.release()
	return totals, err
}

// A writer writes the records of a transaction. What it keeps between transactions, beside the totals,
// is memory to be used again.
type writer struct {
	tables
	totals codec.Totals
	batch  batch
	arena  []byte // the values of the transaction, which must stay as they are until its end
	key    []byte
}

// release drops what belonged to the transaction, and memory that is larger than usual.
func (w *writer) release() {
	const usual = 4 << 20
	w.tables = tables{}
	w.batch.reset(nil)
	w.arena = w.arena[:0]
	if cap(w.arena) > usual {
		w.arena = nil
	}
}

func (w *writer) write(records []event.Record, now time.Time) (codec.Totals, error) {
	if err := w.expire(now); err != nil {
		return w.totals, err
	}
	totals := w.totals
	totals.Records += uint64(len(records))
	for i := range records {
		r := &records[i]
		totals.Count.Run = max(totals.Count.Run, r.Count.Run)
		totals.Count.Name = max(totals.Count.Name, r.Count.Name)
		totals.Count.Order = max(totals.Count.Order, r.Count.Order)
		if r.Key == nil {
			continue
		}
		w.key = idemKey(w.key[:0], r.Key)
		if err := w.put(w.keys, keysBucket, codec.AppendKey(w.begin(), r.Key)); err != nil {
			return totals, err
		}
	}
	for i := range w.batch.changes {
		if err := w.change(&w.batch.changes[i]); err != nil {
			return totals, err
		}
	}
	w.key = append(w.key[:0], totalsKey...)
	return totals, w.put(w.meta, metaBucket, codec.AppendTotals(w.begin(), &totals))
}

// begin starts a value, at the end of the arena.
func (w *writer) begin() []byte { return codec.Begin(w.arena) }

// put ends a value that begin has started, and puts it under w.key.
func (w *writer) put(b *bbolt.Bucket, name string, unfinished []byte) error {
	start := len(w.arena)
	w.arena = codec.End(unfinished, start, name, w.key)
	return b.Put(w.key, w.arena[start:len(w.arena):len(w.arena)])
}

func (w *writer) change(c *change) error {
	if c.removed {
		if err := w.remove(c.uid); err != nil {
			return err
		}
	}
	if c.through > 0 {
		if err := w.prune(c.uid, c.through, c.last == nil); err != nil {
			return err
		}
	}
	if c.last == nil {
		return nil
	}
	image := codec.ImageOf(c.last.Task, &c.last.Book)
	holder := c.holder()
	for _, r := range c.runs {
		m := &image
		if r.Run.Attempt != holder {
			m = nil
		}
		w.key = runKey(w.key[:0], c.uid, r.Run.Attempt)
		if err := w.put(w.runs, runsBucket, codec.AppendRun(w.begin(), r.Run, m)); err != nil {
			return err
		}
	}
	w.key = append(w.key[:0], c.uid[:]...)
	switch {
	case c.respec:
		return w.put(w.tasks, tasksBucket, codec.AppendTask(w.begin(), c.last.Task, &image))
	case holder == 0:
		return w.put(w.status, statusBucket, codec.AppendImage(w.begin(), &image))
	}
	return nil
}

// remove deletes all that is stored of a task.
func (w *writer) remove(uid task.UID) error {
	if err := errors.Join(w.tasks.Delete(uid[:]), w.status.Delete(uid[:])); err != nil {
		return err
	}
	return deleteRuns(w.runs, uid, -1)
}

// prune deletes the runs up to an attempt. If the image of the task is in the last of them, it moves.
func (w *writer) prune(uid task.UID, through int, keepImage bool) error {
	if last := lastRun(w.runs.Cursor(), uid); keepImage && last.key != nil {
		attempt, _ := attemptOf(uid, last.key)
		if attempt <= through {
			if err := w.moveImage(uid, last); errors.Is(err, store.ErrCorrupt) {
				through = attempt - 1 // it stays, as all that cannot be read
			} else if err != nil {
				return err
			}
		}
	}
	return deleteRuns(w.runs, uid, through)
}

// moveImage copies the image that a run carries to the status bucket, unless a later one is there.
func (w *writer) moveImage(uid task.UID, run pair) error {
	image, err := runImage(run)
	if err != nil || image == nil {
		return err
	}
	there, err := statusImage(w.tables, uid)
	if err != nil || there != nil && there.Book.Revision > image.Book.Revision {
		return err
	}
	w.key = append(w.key[:0], uid[:]...)
	return w.put(w.status, statusBucket, codec.AppendImage(w.begin(), image))
}

// deleteRuns deletes the runs of a task up to an attempt, or all of them if through is negative.
func deleteRuns(runs *bbolt.Bucket, uid task.UID, through int) error {
	var keys [][]byte
	c := runs.Cursor()
	for k, _ := c.Seek(uid[:]); k != nil; k, _ = c.Next() {
		attempt, ok := attemptOf(uid, k)
		if !ok && !bytes.HasPrefix(k, uid[:]) || ok && through >= 0 && attempt > through {
			break
		}
		keys = append(keys, k)
	}
	for _, k := range keys {
		if err := runs.Delete(k); err != nil {
			return err
		}
	}
	return nil
}

// expire deletes some of the idempotency keys that have expired.
func (w *writer) expire(now time.Time) error {
	const most = 64
	var gone [][]byte
	c := w.keys.Cursor()
	for k, _ := c.First(); k != nil && len(gone) < most; k, _ = c.Next() {
		if at, ok := expiryOf(k); !ok || at > now.UnixMilli() {
			break
		}
		gone = append(gone, k)
	}
	for _, k := range gone {
		if err := w.keys.Delete(k); err != nil {
			return err
		}
	}
	return nil
}
