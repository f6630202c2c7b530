package cache

import (
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"time"

	"github.com/soltihq/solti-host/plugins/wasm/internal/memfile"
	"github.com/soltihq/solti-host/plugins/wasm/internal/private"
)

// A NamedFile is a file that wazero has made below its cache directory.
type NamedFile struct {
	Name string   // relative to that directory
	File *os.File // read with ReadAt, from the beginning
}

// Put keeps the code for the key, in place of what was there, and returns it in sealed memory. That it
// cannot be kept on disk is logged and counted, and no error.
func (c *Cache) Put(k Key, f NamedFile) (*Entry, error) {
	s, err := c.put(k, f)
	if err != nil {
		return nil, fmt.Errorf("code cache: put %s: %w", k, err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if old := c.live[k]; old != nil && c.hot.drop(old) {
		c.release(old)
	}
	c.live[k] = s
	return c.take(s), nil
}

func (c *Cache) put(k Key, f NamedFile) (*sealed, error) {
	if err := checkName(f.Name); err != nil {
		return nil, err
	}
	st, err := f.File.Stat()
	if err != nil {
		return nil, err
	}
	if st.Size() > c.entry {
		return nil, fmt.Errorf("native code of %d bytes is more than %d", st.Size(), c.entry)
	}
	s := &sealed{key: k, name: f.Name, size: st.Size(), touched: time.Now()}
	if s.file, err = memfile.New("wasm-code"); err != nil {
		return nil, err
	}
	h := header{Kind: code, Key: k.String(), Name: f.Name, Size: s.size}
	if err = c.write(h, code.file(k), io.NewSectionReader(f.File, 0, s.size), s.file); err == nil {
		err = memfile.Seal(s.file)
	}
	if err != nil {
		return nil, errors.Join(err, s.file.Close())
	}
	return s, nil
}

// write copies the content into memory and, if it can be, into a file.
func (c *Cache) write(h header, name string, content io.Reader, memory io.Writer) error {
	prefix, err := h.prefix()
	if err != nil {
		return err
	}
	disk := c.draft(h.Size)
	defer disk.discard()
	sum := c.mac()
	disk.write(prefix)
	_, _ = sum.Write(prefix)
	n, err := io.CopyBuffer(io.MultiWriter(memory, sum, disk), content, make([]byte, min(h.Size, chunk)+1))
	if err != nil {
		return err
	}
	if n != h.Size {
		return fmt.Errorf("it has %d bytes, not %d", n, h.Size)
	}
	c.commit(disk, sum, name)
	return nil
}

// commit ends a file. Its failure is told to the log.
func (c *Cache) commit(disk *disk, sum hash.Hash, name string) {
	disk.write(sum.Sum(nil))
	if disk.err == nil {
		disk.err = disk.draft.Commit(name, true)
	}
	if disk.err == nil {
		disk.err = c.evict(name)
	}
	if disk.err != nil {
		c.count(func(st *Stats) { st.WriteErrors++ })
		c.log.Warn("compiled code cannot be kept on disk", "file", name, "error", disk.err)
	}
}

// A disk is a draft whose failure is remembered, not told to who writes.
type disk struct {
	draft *private.Draft
	err   error
}

// draft begins a file for so many bytes of content.
func (c *Cache) draft(size int64) *disk {
	if size > c.budget.Bytes {
		return &disk{err: fmt.Errorf("%d bytes are more than all of the cache may have", size)}
	}
	draft, err := c.dir.Create()
	return &disk{draft, err}
}

func (d *disk) write(p []byte) {
	if d.err == nil {
		_, d.err = d.draft.Write(p)
	}
}

// Write never fails.
func (d *disk) Write(p []byte) (int, error) {
	d.write(p)
	return len(p), nil
}

func (d *disk) discard() {
	if d.draft != nil {
		d.draft.Discard()
	}
}
