package bolt

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"github.com/soltihq/solti-host/host/internal/event"
	"github.com/soltihq/solti-host/host/internal/store"
	"github.com/soltihq/solti-host/host/internal/store/codec"
	"github.com/soltihq/solti-host/host/internal/store/storetest"
)

// filled makes a store with a few tasks and runs, closes it, and returns what it holds.
func filled(t testing.TB, dir string) *storetest.Model {
	t.Helper()
	s := open(t, dir, Options{Now: early, Reserve: 4096})
	h, want := storetest.NewHistory(), storetest.NewModel()
	over, waiting, stopping := h.Accept("over", 200), h.Accept("waiting", 3000), h.Accept("stopping", 20)
	uid := over.Task.Metadata.UID
	records := []event.Record{
		over, waiting, stopping, h.Start(uid), h.End(uid, false), h.Start(uid), h.End(uid, true),
		h.Start(stopping.Task.Metadata.UID), h.Stop(stopping.Task.Metadata.UID),
	}
	for _, r := range records {
		if err := s.Commit([]event.Record{r}); err != nil {
			t.Fatal(err)
		}
	}
	want.Apply(records...)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return want
}

func early() time.Time { return storetest.Epoch0 }

// edit changes the file below the store.
func edit(t testing.TB, dir string, change func(*bbolt.Tx) error) {
	t.Helper()
	db, err := bbolt.Open(filepath.Join(dir, "state.db"), 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(db.Update(change), db.Close()); err != nil {
		t.Fatal(err)
	}
}

func TestFilesAreForTheOwnerOnly(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "store")
	filled(t, dir)
	for path, want := range map[string]os.FileMode{dir: 0o700, dir + "/state.db": 0o600, dir + "/lock": 0o600, dir + "/reserve": 0o600} {
		info, err := os.Stat(path)
		if err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v; want mode %o", path, info.Mode(), err, want)
		}
	}
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir, Options{}); err == nil || !strings.Contains(err.Error(), "chmod go-w") {
		t.Errorf("Open in a directory that others may write to: %v", err)
	}
}

func TestSecondHostIsToldWhoTheFirstIs(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, Options{Reserve: 4096})
	_, err := Open(dir, Options{LockWait: time.Millisecond})
	if !errors.Is(err, ErrInUse) || !strings.Contains(err.Error(), fmt.Sprintf("pid %d", os.Getpid())) {
		t.Errorf("second Open: %v, want ErrInUse with our process id", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := open(t, dir, Options{Reserve: 4096}).Close(); err != nil {
		t.Fatal(err)
	}
}

func TestOpenRefusesWhatItDoesNotKnow(t *testing.T) {
	later := func(tx *bbolt.Tx) error {
		return putMeta(tx.Bucket([]byte(metaBucket)), schemaKey, codec.AppendNumber(codec.Begin(nil), 7))
	}
	for name, tt := range map[string]struct {
		change func(*bbolt.Tx) error
		is     error
		text   string
	}{
		"later schema":   {later, ErrSchema, "schema version 7, this host knows versions up to 1"},
		"no totals":      {func(tx *bbolt.Tx) error { return tx.Bucket([]byte(metaBucket)).Delete([]byte(totalsKey)) }, store.ErrCorrupt, "bucket meta, key totals"},
		"damaged schema": {func(tx *bbolt.Tx) error { return tx.Bucket([]byte(metaBucket)).Put([]byte(schemaKey), []byte("x")) }, store.ErrCorrupt, "bucket meta, key schema"},
		"missing bucket": {func(tx *bbolt.Tx) error { return tx.DeleteBucket([]byte(runsBucket)) }, store.ErrCorrupt, `"runs"`},
		"foreign file": {func(tx *bbolt.Tx) error {
			_, err := tx.CreateBucket([]byte("docker"))
			return errors.Join(err, tx.DeleteBucket([]byte(metaBucket)))
		}, store.ErrCorrupt, "not the state of a solti-host"},
	} {
		dir := t.TempDir()
		filled(t, dir)
		edit(t, dir, tt.change)
		_, err := Open(dir, Options{})
		if !errors.Is(err, tt.is) || !strings.Contains(err.Error(), tt.text) {
			t.Errorf("%s: %v, want %v with %q", name, err, tt.is, tt.text)
		}
	}
}

func TestOpenRefusesAFileThatIsNoDatabase(t *testing.T) {
	dir := t.TempDir()
	filled(t, dir)
	path := filepath.Join(dir, "state.db")
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{
		"text":    []byte(strings.Repeat("not a database\n", 5000)),
		"cut":     whole[:3*os.Getpagesize()],
		"shorter": whole[:40],
		"zeros":   make([]byte, len(whole)),
	} {
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(dir, Options{}); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v, want an error that names the file", name, err)
		}
	}
}

// TestEveryFlipIsFoundOrHarmless flips bits of stored values, one at a time: what is read then is what was
// written, or an error that says where, and nothing panics.
func TestEveryFlipIsFoundOrHarmless(t *testing.T) {
	dir := t.TempDir()
	want := filled(t, dir)
	type place struct{ bucket, key, value []byte }
	var places []place
	edit(t, dir, func(tx *bbolt.Tx) error {
		return tx.ForEach(func(name []byte, b *bbolt.Bucket) error {
			return b.ForEach(func(k, v []byte) error {
				places = append(places, place{bytes.Clone(name), bytes.Clone(k), bytes.Clone(v)})
				return nil
			})
		})
	})
	s := open(t, dir, Options{Now: early, Reserve: 4096})
	defer s.Close()
	put := func(p place, v []byte) {
		if err := s.db.Update(func(tx *bbolt.Tx) error { return tx.Bucket(p.bucket).Put(p.key, v) }); err != nil {
			t.Fatal(err)
		}
	}
	s.db.NoSync = true
	flips := 0
	for _, p := range places {
		if string(p.bucket) == metaBucket {
			continue // read by Open only
		}
		for bit := 0; bit < 8*len(p.value); bit += 1 + len(p.value)/20 {
			v := bytes.Clone(p.value)
			v[bit/8] ^= 1 << (bit % 8)
			put(p, v)
			flips++
			meta, err := s.Load(func(store.Item) error { return nil })
			if err != nil || len(meta.Damaged) != 1 {
				t.Fatalf("bucket %s, bit %d: %v, damaged %v; want one", p.bucket, bit, err, meta.Damaged)
			}
			if d := meta.Damaged[0]; !errors.Is(d.Err, store.ErrCorrupt) || !strings.Contains(d.Err.Error(), "bucket "+string(p.bucket)) {
				t.Fatalf("bucket %s, bit %d: %+v", p.bucket, bit, d)
			}
		}
		put(p, p.value)
	}
	want.Check(t, s, true)
	t.Logf("%d flips", flips)
}

func TestValueUnderAnotherKeyIsFound(t *testing.T) {
	dir := t.TempDir()
	filled(t, dir)
	edit(t, dir, func(tx *bbolt.Tx) error {
		b := tx.Bucket([]byte(tasksBucket))
		k, v := b.Cursor().First()
		other, _ := b.Cursor().Last()
		return errors.Join(b.Put(bytes.Clone(other), bytes.Clone(v)), b.Put([]byte("short"), bytes.Clone(k)))
	})
	s := open(t, dir, Options{Reserve: 4096})
	defer s.Close()
	meta, err := s.Load(func(store.Item) error { return nil })
	if err != nil || len(meta.Damaged) != 2 { // the task and the odd key
		t.Errorf("Load: %v, damaged %v", err, meta.Damaged)
	}
}

func TestCompactionAtStart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, dir, Options{Now: early, Reserve: 4096})
	h, want := storetest.NewHistory(), storetest.NewModel()
	for i := range 30 {
		r := h.Accept(fmt.Sprintf("big-%d", i), 100_000)
		group := []event.Record{r, h.Start(r.Task.Metadata.UID), h.End(r.Task.Metadata.UID, true)}
		if err := s.Commit(group); err != nil {
			t.Fatal(err)
		}
		want.Apply(group...)
		if i%10 != 0 {
			gone := h.Remove(r.Task.Metadata.UID)
			if err := s.Commit([]event.Record{gone}); err != nil {
				t.Fatal(err)
			}
			want.Apply(gone)
		}
	}
	for i := range 20 { // so that there are free pages, not only a short file
		r := h.Accept(fmt.Sprintf("more-%d", i), 100_000)
		gone := h.Remove(r.Task.Metadata.UID)
		for _, group := range [][]event.Record{{r}, {gone}} {
			if err := s.Commit(group); err != nil {
				t.Fatal(err)
			}
			want.Apply(group...)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	size := func() int64 {
		info, err := os.Stat(filepath.Join(dir, "state.db"))
		if err != nil {
			t.Fatal(err)
		}
		return info.Size()
	}
	before := size()
	s = open(t, dir, Options{Now: early, Reserve: 4096})
	if size() != before {
		t.Errorf("a small file was compacted, from %d to %d bytes", before, size())
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir, Options{Now: early, Reserve: 4096, CompactAbove: 1 << 20})
	defer s.Close()
	var used int64
	if err := s.db.View(func(tx *bbolt.Tx) error { used = tx.Size(); return nil }); err != nil {
		t.Fatal(err)
	}
	if used > before/2 {
		t.Errorf("%d bytes used after compaction, %d before", used, before)
	}
	want.Check(t, s, true)
	r := h.Accept("after", 10)
	if err := s.Commit([]event.Record{r}); err != nil {
		t.Fatal(err)
	}
	want.Apply(r)
	want.Check(t, s, false)
	if _, err := os.Stat(filepath.Join(dir, "state.db.compact")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the copy is left: %v", err)
	}
}

// TestBackup takes a backup through a slow reader while commits go on.
func TestBackup(t *testing.T) {
	dir, copyDir := t.TempDir(), t.TempDir()
	want := filled(t, dir)
	s := open(t, dir, Options{Now: early, Reserve: 4096})
	h := storetest.NewHistory()
	var copied bytes.Buffer
	w := writerFunc(func(b []byte) (int, error) {
		if err := s.Commit([]event.Record{h.Accept("later", 50_000)}); err != nil {
			t.Error(err)
		}
		return copied.Write(b)
	})
	if err := errors.Join(s.Backup(w), s.Close()); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(copyDir, "state.db"), copied.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	restored := open(t, copyDir, Options{Now: early, Reserve: 4096})
	defer restored.Close()
	want.Check(t, restored, true)
	full := errors.New("no space")
	if err := restored.Backup(writerFunc(func([]byte) (int, error) { return 0, full })); err == nil {
		t.Error("Backup to a writer that fails: no error")
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(b []byte) (int, error) { return f(b) }
