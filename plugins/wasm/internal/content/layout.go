package content

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// Bounds of what is read of a layout.
const (
	maxDocument  = 1 << 20 // bytes of an index, a manifest or a configuration
	maxDocuments = 64      // of them that are read
	maxNesting   = 3       // indexes within one another
	maxEntries   = 1 << 12 // descriptors of an index; files of an archive
)

// blobs is where a layout has its files.
type blobs interface {
	// open opens a file for reading and tells its size. The name has no more than three elements.
	open(name string) (io.ReadCloser, int64, error)
	close() error
}

// FromLayout copies the module of an OCI artifact into the store and returns the module's digest. The
// path names an image layout: a directory, or a tar archive of one, which may be compressed with gzip.
//
// The reference picks the artifact by name, by tag, or by digest (sha256:..., or NAME@sha256:...); empty
// means that there is only one. It must be a WebAssembly artifact: configuration
// application/vnd.wasm.config.v0+json for wasip1, and exactly one layer, application/wasm. What is wrong
// with the layout is told by a [*LayoutError].
func (s *Store) FromLayout(ctx context.Context, path, reference string) (Digest, error) {
	files, err := s.openLayout(ctx, path)
	if err != nil {
		return "", err
	}
	defer func() { _ = files.close() }()
	l := &layout{path: path, files: files}
	layer, err := l.module(reference)
	if err != nil {
		return "", err
	}
	if layer.Size > s.module {
		return "", &SizeError{path + ": layer " + string(layer.Digest), s.module}
	}
	if file, err := s.Get(layer.Digest); err == nil {
		return layer.Digest, file.Close()
	}
	blob, err := l.blob(layer)
	if err != nil {
		return "", err
	}
	defer func() { _ = blob.Close() }()
	return s.put(ctx, blob, layer.Digest, path+": layer "+string(layer.Digest), nil)
}

// openLayout opens a layout of either form.
func (s *Store) openLayout(ctx context.Context, path string) (blobs, error) {
	dir, err := openAt(unix.AT_FDCWD, path, path, unix.S_IFDIR)
	if err == nil {
		return &dirBlobs{dir: dir, path: path}, nil
	}
	if foreign := (*FileError)(nil); !errors.As(err, &foreign) {
		return nil, err
	}
	file, err := openRegular(path)
	if foreign := (*FileError)(nil); errors.As(err, &foreign) {
		return nil, &FileError{path, "is neither a directory nor an archive, or a symbolic link to one"}
	}
	if err != nil {
		return nil, err
	}
	archive, err := s.openArchive(ctx, file, path)
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return archive, nil
}

// dirBlobs are the files of a layout that is a directory.
type dirBlobs struct {
	dir  *os.File
	path string
}

func (d *dirBlobs) close() error { return d.dir.Close() }

// open goes down one element at a time, so that no link is followed and nothing outside is reached.
func (d *dirBlobs) open(name string) (io.ReadCloser, int64, error) {
	file, err := d.walk(d.dir, name)
	if err != nil {
		return nil, 0, err
	}
	st, err := file.Stat()
	if err != nil {
		return nil, 0, errors.Join(err, file.Close())
	}
	return file, st.Size(), nil
}

func (d *dirBlobs) walk(at *os.File, name string) (*os.File, error) {
	element, rest := cutPath(name)
	path := at.Name() + "/" + element
	if rest == "" {
		return openAt(int(at.Fd()), element, path, unix.S_IFREG)
	}
	next, err := openAt(int(at.Fd()), element, path, unix.S_IFDIR)
	if err != nil {
		return nil, err
	}
	defer func() { _ = next.Close() }()
	return d.walk(next, rest)
}

// A layout is an image layout that is being read.
type layout struct {
	path      string
	files     blobs
	documents int // that were read
}

func (l *layout) errorf(format string, args ...any) error {
	return &LayoutError{l.path, fmt.Sprintf(format, args...)}
}
