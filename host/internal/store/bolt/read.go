package bolt

import (
	"fmt"

	"go.etcd.io/bbolt"

	"github.com/soltihq/solti-host/host/internal/event"
	"github.com/soltihq/solti-host/host/internal/store/codec"
	"github.com/soltihq/solti-host/host/task"
)

// Task returns a task as last committed; see [store.Store].
func (s *Store) Task(uid task.UID) (t *task.Task, err error) {
	defer guard(&err, "read task "+uid.String())
	err = s.db.View(func(tx *bbolt.Tx) error {
		b := tables{
			tasks:  tx.Bucket([]byte(tasksBucket)),
			status: tx.Bucket([]byte(statusBucket)),
			runs:   tx.Bucket([]byte(runsBucket)),
		}
		v := b.tasks.Get(uid[:])
		if v == nil {
			return fmt.Errorf("task %s: %w", uid, task.ErrNotFound)
		}
		t, _, err = assemble(b, uid, v, lastRun(b.runs.Cursor(), uid), false)
		return err
	})
	return t, err
}

// Runs returns runs of a task, oldest first; see [store.Store].
func (s *Store) Runs(uid task.UID, after, limit int) (runs []task.Run, err error) {
	defer guard(&err, "read runs of "+uid.String())
	err = s.db.View(func(tx *bbolt.Tx) error {
		c := tx.Bucket([]byte(runsBucket)).Cursor()
		k, v := c.Seek(runKey(nil, uid, max(after, -1)+1))
		for ; len(runs) < limit; k, v = c.Next() {
			if _, ok := attemptOf(uid, k); !ok {
				return nil
			}
			r, err := decodeRun(k, v)
			if err != nil {
				return err
			}
			runs = append(runs, r)
		}
		return nil
	})
	return runs, err
}

func decodeRun(key, v []byte) (task.Run, error) {
	p, err := payload(runsBucket, key, v)
	if err != nil {
		return task.Run{}, err
	}
	r, err := codec.DecodeRun(p)
	if err != nil {
		return task.Run{}, corrupt(runsBucket, key, err)
	}
	return r, nil
}

// A pair is a key and its value; the zero pair means that there is none.
type pair struct{ key, value []byte }

// lastRun returns the last run of a task.
func lastRun(c *bbolt.Cursor, uid task.UID) pair {
	var p pair
	end := append(uid[:len(uid):len(uid)], 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff)
	if k, _ := c.Seek(end); k == nil {
		p.key, p.value = c.Last()
	} else {
		p.key, p.value = c.Prev()
	}
	if _, ok := attemptOf(uid, p.key); !ok {
		return pair{}
	}
	return p
}

// assemble joins the value of a task with the newest of its images. With head, a task that is over is
// left without what is not needed to know it.
func assemble(b tables, uid task.UID, v []byte, last pair, head bool) (*task.Task, event.Book, error) {
	p, err := payload(tasksBucket, uid[:], v)
	if err != nil {
		return nil, event.Book{}, err
	}
	t, book, err := codec.DecodeTask(uid, p, head)
	if err != nil {
		return nil, book, corrupt(tasksBucket, uid[:], err)
	}
	image, err := newestImage(b, uid, last)
	if err != nil {
		return nil, book, err
	}
	if image != nil && image.Book.Revision >= book.Revision {
		image.Apply(t)
		book = image.Book
	}
	if head && !t.Status.Done() {
		return assemble(b, uid, v, last, false)
	}
	return t, book, nil
}

// newestImage returns the newer of the images in the status bucket and in the last run, or nil.
func newestImage(b tables, uid task.UID, last pair) (*codec.Image, error) {
	image, err := statusImage(b, uid)
	if err != nil || last.key == nil {
		return image, err
	}
	carried, err := runImage(last)
	if err != nil {
		return nil, err
	}
	if carried != nil && (image == nil || carried.Book.Revision >= image.Book.Revision) {
		image = carried
	}
	return image, nil
}

// statusImage returns the image in the status bucket, or nil.
func statusImage(b tables, uid task.UID) (*codec.Image, error) {
	v := b.status.Get(uid[:])
	if v == nil {
		return nil, nil
	}
	p, err := payload(statusBucket, uid[:], v)
	if err != nil {
		return nil, err
	}
	image, err := codec.DecodeImage(p)
	if err != nil {
		return nil, corrupt(statusBucket, uid[:], err)
	}
	return image, nil
}

// runImage returns the image that a run carries, or nil.
func runImage(run pair) (*codec.Image, error) {
	p, err := payload(runsBucket, run.key, run.value)
	if err != nil {
		return nil, err
	}
	image, err := codec.RunImage(p)
	if err != nil {
		return nil, corrupt(runsBucket, run.key, err)
	}
	return image, nil
}
