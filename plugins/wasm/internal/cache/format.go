package cache

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path"
	"strings"
)

// A file is: magic, length of the header, header, content, code of all that. The content is that of a note, or native
// code and then, if there is one, the shell.
const (
	magic     = "solti-wasm-cache-2\n"
	former    = "solti-wasm-cache-1\n" // had no shells
	maxHeader = 64 << 10
	prefixLen = len(magic) + 4
	chunk     = 1 << 20
)

// A header says what a file is. It is believed only if the code is right.
type header struct {
	Kind kind   `json:"kind"`
	Key  string `json:"key"`
	Name string `json:"name,omitempty"`
	Size int64  `json:"size"` // of the content but the shell

	ShellName string `json:"shellName,omitempty"`
	Shell     int64  `json:"shell,omitempty"` // bytes; 0 means none
}

// checkNames makes sure that the code is linked to where a file of wazero's can be.
func (h header) checkNames() error {
	if err := checkName(h.Name); err != nil || h.Shell == 0 {
		return err
	}
	return checkName(h.ShellName)
}

// sizes returns how long the parts of the content are.
func (h header) sizes() []int64 {
	if h.Shell == 0 {
		return []int64{h.Size}
	}
	return []int64{h.Size, h.Shell}
}

// mac begins an authentication code.
func (c *Cache) mac() hash.Hash { return hmac.New(sha256.New, c.secret[:]) }

// prefix returns what a file begins with.
func (h header) prefix() ([]byte, error) {
	text, err := json.Marshal(h)
	if err != nil {
		return nil, err
	}
	if len(text) > maxHeader {
		return nil, fmt.Errorf("a key of %d bytes is too long", len(text))
	}
	out := append(make([]byte, 0, prefixLen+len(text)), magic...)
	out = binary.LittleEndian.AppendUint32(out, uint32(len(text)))
	return append(out, text...), nil
}

// A corruptError says what is wrong with a file.
type corruptError struct{ problem string }

func (e *corruptError) Error() string { return e.problem }

func corruptf(format string, args ...any) error { return &corruptError{fmt.Sprintf(format, args...)} }

// readHeader reads what a file begins with, and makes sure that it is the file that was looked for and that
// it can be whole.
func readHeader(file *os.File, sum io.Writer, want header, most int64) (header, error) {
	var h header
	st, err := file.Stat()
	if err != nil {
		return h, err
	}
	in := io.TeeReader(file, sum)
	prefix := make([]byte, prefixLen)
	if _, err := io.ReadFull(in, prefix); err != nil {
		return h, corruptf("is cut off: %v", err)
	}
	length := binary.LittleEndian.Uint32(prefix[len(magic):])
	if string(prefix[:len(magic)]) == former {
		return h, ErrMiss
	}
	if string(prefix[:len(magic)]) != magic || length > maxHeader {
		return h, corruptf("does not begin as a file of the cache does")
	}
	text := make([]byte, length)
	if _, err := io.ReadFull(in, text); err != nil {
		return h, corruptf("is cut off: %v", err)
	}
	if err := json.Unmarshal(text, &h); err != nil {
		return h, corruptf("has a header that cannot be read: %v", err)
	}
	switch rest := st.Size() - int64(prefixLen) - int64(length) - sha256.Size; {
	case h.Kind != want.Kind || h.Key != want.Key:
		return h, corruptf("is another file of the cache: %s %s", h.Kind, h.Key)
	case min(h.Size, h.Shell) < 0 || max(h.Size, h.Shell) > most || h.Shell != rest-h.Size:
		return h, corruptf("has %d bytes where %d and %d should be", rest, h.Size, h.Shell)
	}
	return h, nil
}

// copyContent copies the parts of a file's content, as many as there are writers, and makes sure that all of the
// file is what was put into it.
func copyContent(file *os.File, sum hash.Hash, sizes []int64, to []io.Writer) error {
	if len(to) != len(sizes) {
		return corruptf("has %d parts", len(sizes))
	}
	for i, size := range sizes {
		in := io.TeeReader(io.LimitReader(file, size), sum)
		n, err := io.CopyBuffer(writer{to[i]}, in, make([]byte, min(size, chunk)+1))
		switch {
		case err != nil && !errors.As(err, new(*writeError)):
			return corruptf("cannot be read: %v", err)
		case err != nil:
			return err
		case n != size:
			return corruptf("is cut off after %d of %d bytes", n, size)
		}
	}
	var have [sha256.Size]byte
	if _, err := io.ReadFull(file, have[:]); err != nil {
		return corruptf("is cut off: %v", err)
	}
	if !hmac.Equal(have[:], sum.Sum(nil)) {
		return corruptf("was changed since it was put into the cache, or was made with another secret")
	}
	return nil
}

// A writeError tells a failure to write from one to read.
type writeError struct{ err error }

func (e *writeError) Error() string { return e.err.Error() }
func (e *writeError) Unwrap() error { return e.err }

// A writer marks its errors as those of writing.
type writer struct{ to io.Writer }

func (w writer) Write(p []byte) (int, error) {
	n, err := w.to.Write(p)
	if err != nil {
		err = &writeError{err}
	}
	return n, err
}

// checkName wants a path below wazero's cache directory, as wazero makes them.
func checkName(name string) error {
	plain := strings.Trim(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789./_+-()") == ""
	if name == "" || len(name) > 512 || !plain || path.Clean(name) != name || path.IsAbs(name) || strings.HasPrefix(name, ".") {
		return fmt.Errorf("%.80q is not a name of a file below wazero's cache directory", name)
	}
	return nil
}
