package bolt

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"io/fs"
	"os"

	"github.com/soltihq/solti-host/host/internal/store"
)

// Where things are in the two meta pages of a bbolt file.
const (
	pageHeader = 16
	metaSize   = 64
	boltMagic  = 0xED0CDAED
)

// checkSize refuses a file that is shorter than its own newest meta page says. It is mapped into
// memory, and touching what is missing would end the process.
func checkSize(path string) error {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("open the state: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("open the state: %w", err)
	}
	page := int64(os.Getpagesize())
	first, size, ok := readMetaPage(f, 0)
	if ok {
		page = size
	}
	second, _, _ := readMetaPage(f, page)
	need := first.end
	if second.txid > first.txid {
		need = second.end
	}
	if info.Size() < need {
		return fmt.Errorf("%s: %w: the file is cut short: it has %d bytes of %d", path, store.ErrCorrupt, info.Size(), need)
	}
	return nil
}

// A metaPage says where the file ends, as of a transaction.
type metaPage struct {
	txid uint64
	end  int64
}

// readMetaPage reads the meta page at offset, and the file's page size, if it is a valid one.
func readMetaPage(r io.ReaderAt, offset int64) (m metaPage, page int64, ok bool) {
	var b [metaSize]byte
	if _, err := r.ReadAt(b[:], offset+pageHeader); err != nil {
		return m, 0, false
	}
	sum := fnv.New64a()
	sum.Write(b[:56])
	if binary.NativeEndian.Uint32(b[:]) != boltMagic || binary.NativeEndian.Uint64(b[56:]) != sum.Sum64() {
		return m, 0, false
	}
	page = int64(binary.NativeEndian.Uint32(b[8:]))
	pages := int64(binary.NativeEndian.Uint64(b[40:]))
	return metaPage{txid: binary.NativeEndian.Uint64(b[48:]), end: pages * page}, page, true
}
