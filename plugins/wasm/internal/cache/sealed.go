package cache

import (
	"errors"
	"io"
	"os"
	"time"

	"github.com/soltihq/solti-host/plugins/wasm/internal/memfile"
)

// A sealed is code in memory, and the shell that it came with, shared by all its users.
type sealed struct {
	key     Key
	native  NamedFile
	shell   NamedFile // its File is nil if there is none
	size    int64     // of the native code
	behind  int64     // of the shell
	users   int       // guarded by Cache.mu; the hot list is one
	touched time.Time // guarded by Cache.mu; when the file on disk was marked as used
}

// newSealed makes the memory for what a header tells of, which is yet to be filled and sealed.
func newSealed(k Key, h header) (*sealed, error) {
	s := &sealed{key: k, size: h.Size, behind: h.Shell, touched: time.Now()}
	var err error
	s.native.Name = h.Name
	if s.native.File, err = memfile.New("wasm-code"); err != nil {
		return nil, err
	}
	if h.Shell == 0 {
		return s, nil
	}
	s.shell.Name = h.ShellName
	if s.shell.File, err = memfile.New("wasm-shell"); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

// files returns what there is, in the order in which it is in a file of the cache.
func (s *sealed) files() []*os.File {
	if s.shell.File == nil {
		return []*os.File{s.native.File}
	}
	return []*os.File{s.native.File, s.shell.File}
}

// memory returns where the content of a file of the cache goes.
func (s *sealed) memory() (out []io.Writer) {
	for _, f := range s.files() {
		out = append(out, f)
	}
	return out
}

// seal makes sure that nobody changes it any more.
func (s *sealed) seal() (err error) {
	for _, f := range s.files() {
		err = errors.Join(err, memfile.Seal(f))
	}
	return err
}

func (s *sealed) close() (err error) {
	for _, f := range s.files() {
		err = errors.Join(err, f.Close())
	}
	return err
}

// bytes is how much memory it takes.
func (s *sealed) bytes() int64 { return s.size + s.behind }
