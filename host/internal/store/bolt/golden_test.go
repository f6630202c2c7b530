package bolt

import (
	"bytes"
	"compress/gzip"
	"flag"
	"io"
	"os"
	"path/filepath"
	"testing"

	"go.etcd.io/bbolt"

	"github.com/soltihq/solti-host/host/internal/store/codec"
)

var update = flag.Bool("update", false, "write the golden file of the present schema version")

// TestOpensSchemaVersion1 opens a file as the first version wrote it. The file is never written again: a
// later schema gets a file and a test of its own.
func TestOpensSchemaVersion1(t *testing.T) {
	golden := filepath.Join("testdata", "schema1.db.gz")
	fresh := t.TempDir()
	want := filled(t, fresh)
	if *update {
		write(t, golden, fresh)
	}
	packed, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	content, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "state.db"), content, 0o600); err != nil {
		t.Fatal(err)
	}
	s := open(t, dir, Options{Now: early, Reserve: 4096})
	defer s.Close()
	if s.epoch != "goldenepoch" {
		t.Errorf("epoch %q", s.epoch)
	}
	want.Check(t, s, true)
}

// write puts a backup of the store in dir, with a fixed epoch, into the golden file.
func write(t *testing.T, golden, dir string) {
	t.Helper()
	edit(t, dir, func(tx *bbolt.Tx) error {
		return putMeta(tx.Bucket([]byte(metaBucket)), epochKey, codec.AppendText(codec.Begin(nil), "goldenepoch"))
	})
	s := open(t, dir, Options{Reserve: 4096})
	defer s.Close()
	var b bytes.Buffer
	z, _ := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err := s.Backup(z); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Dir(golden), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(golden, b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}
