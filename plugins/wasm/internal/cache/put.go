package cache

import (
	"errors"
	"fmt"
	"hash"
	"io"
	"os"

	"github.com/soltihq/solti-host/plugins/wasm/internal/private"
)

// A NamedFile is a file, and where wazero looks for native code.
type NamedFile struct {
	Name string   // relative to wazero's cache directory
	File *os.File // read with ReadAt, from the beginning
}

// Put keeps the code for the key, in place of what was there, and with it the module's shell, if its File is not nil:
// they are only ever handed out together. It returns both in sealed memory. That they cannot be kept on disk is
// logged and counted, and no error.
func (c *Cache) Put(k Key, native, shell NamedFile) (*Entry, error) {
	s, err := c.put(k, native, shell)
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

func (c *Cache) put(k Key, native, shell NamedFile) (*sealed, error) {
	h, err := c.header(k, native, shell)
	if err != nil {
		return nil, err
	}
	s, err := newSealed(k, h)
	if err != nil {
		return nil, err
	}
	var parts []part
	from, to := []NamedFile{native, shell}, s.memory()
	for i, size := range h.sizes() {
		parts = append(parts, part{io.NewSectionReader(from[i].File, 0, size), to[i], size})
	}
	if err = c.write(h, code.file(k), parts...); err == nil {
		err = s.seal()
	}
	if err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

// header returns what the file begins with that code and shell are put into.
func (c *Cache) header(k Key, native, shell NamedFile) (header, error) {
	h := header{Kind: code, Key: k.String(), Name: native.Name}
	st, err := native.File.Stat()
	if err != nil {
		return h, err
	}
	h.Size = st.Size()
	if shell.File != nil {
		if st, err = shell.File.Stat(); err != nil {
			return h, err
		}
		if h.Shell, h.ShellName = st.Size(), shell.Name; h.Shell == 0 {
			return h, errors.New("the shell is empty")
		}
	}
	if max(h.Size, h.Shell) > c.entry {
		return h, fmt.Errorf("native code of %d bytes or a shell of %d is more than %d", h.Size, h.Shell, c.entry)
	}
	return h, h.checkNames()
}

// A part of a file's content is on its way into memory.
type part struct {
	from io.Reader
	to   io.Writer
	size int64
}

// write copies the content into memory and, if it can be, into a file.
func (c *Cache) write(h header, name string, content ...part) error {
	prefix, err := h.prefix()
	if err != nil {
		return err
	}
	disk := c.draft(h.Size + h.Shell)
	defer disk.discard()
	sum := c.mac()
	disk.write(prefix)
	_, _ = sum.Write(prefix)
	for _, p := range content {
		n, err := io.CopyBuffer(io.MultiWriter(p.to, sum, disk), p.from, make([]byte, min(p.size, chunk)+1))
		if err != nil {
			return err
		}
		if n != p.size {
			return fmt.Errorf("it has %d bytes, not %d", n, p.size)
		}
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
