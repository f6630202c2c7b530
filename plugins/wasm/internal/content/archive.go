package content

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
)

// An extent is where an archive has a file's bytes.
type extent struct{ offset, size int64 }

// archiveBlobs are the files of a layout that is a tar archive.
type archiveBlobs struct {
	file  *os.File // the archive, not compressed
	files map[string]extent
}

func (a *archiveBlobs) close() error { return a.file.Close() }

func (a *archiveBlobs) open(name string) (io.ReadCloser, int64, error) {
	at, ok := a.files[name]
	if !ok {
		return nil, 0, fs.ErrNotExist
	}
	return io.NopCloser(io.NewSectionReader(a.file, at.offset, at.size)), at.size, nil
}

// openArchive takes over the file if it succeeds. A compressed archive is unpacked into a file without a
// name first, once.
func (s *Store) openArchive(ctx context.Context, file *os.File, name string) (*archiveBlobs, error) {
	most := s.module + unpackedSpare
	var magic [2]byte
	if _, err := file.ReadAt(magic[:], 0); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	plain := file
	if bytes.Equal(magic[:], []byte{0x1f, 0x8b}) {
		var err error
		if plain, err = s.unpack(ctx, file, name, most); err != nil {
			return nil, err
		}
	}
	files, err := list(ctx, plain, name)
	if err != nil {
		if plain != file {
			err = errors.Join(err, plain.Close())
		}
		return nil, err
	}
	if plain != file {
		_ = file.Close()
	}
	return &archiveBlobs{plain, files}, nil
}

// unpack decompresses the file, up to so many bytes.
func (s *Store) unpack(ctx context.Context, file *os.File, name string, most int64) (*os.File, error) {
	z, err := gzip.NewReader(bufio.NewReaderSize(file, copyBuffer))
	if err != nil {
		return nil, &LayoutError{name, "cannot be decompressed: " + err.Error()}
	}
	draft, err := s.dir.Create()
	if err != nil {
		return nil, err
	}
	plain, err := draft.Unlinked()
	if err != nil {
		return nil, err
	}
	n, err := copyContext(ctx, plain, &decompressor{name, io.LimitReader(z, most+1)})
	if err == nil && n > most {
		err = &SizeError{name + ", decompressed", most}
	}
	if err != nil {
		return nil, errors.Join(err, plain.Close())
	}
	return plain, nil
}

// A decompressor says whose fault its errors are.
type decompressor struct {
	name      string
	io.Reader // of the plain bytes
}

func (d *decompressor) Read(p []byte) (int, error) {
	n, err := d.Reader.Read(p)
	if err != nil && !errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = &LayoutError{d.name, "cannot be decompressed: " + err.Error()}
	}
	return n, err
}

// list finds the regular files of an archive. Anything that could make one name stand for two things, or
// for something outside, is refused.
func list(ctx context.Context, file *os.File, name string) (map[string]extent, error) {
	bad := func(format string, args ...any) (map[string]extent, error) {
		return nil, &LayoutError{name, fmt.Sprintf(format, args...)}
	}
	end, err := file.Seek(0, io.SeekEnd)
	if err == nil {
		_, err = file.Seek(0, io.SeekStart)
	}
	if err != nil {
		return nil, err
	}
	files := map[string]extent{}
	t := tar.NewReader(file)
	for count := 0; ; count++ {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		h, err := t.Next()
		switch {
		case errors.Is(err, io.EOF):
			return files, nil
		case err != nil:
			return bad("is neither a directory nor a tar archive: %v", err)
		case count >= maxEntries:
			return bad("has more than %d entries", maxEntries)
		case h.Typeflag == tar.TypeXGlobalHeader:
			continue
		case h.Typeflag != tar.TypeReg && h.Typeflag != tar.TypeDir:
			return bad("entry %.200q is neither a file nor a directory", h.Name)
		}
		clean := path.Clean(h.Name)
		if h.Name == "" || path.IsAbs(h.Name) || clean == ".." || strings.HasPrefix(clean, "../") {
			return bad("entry %.200q lies outside", h.Name)
		}
		if h.Typeflag == tar.TypeDir {
			continue
		}
		// The reader takes headers in whole blocks, so the file stands where the content begins.
		offset, err := file.Seek(0, io.SeekCurrent)
		if err != nil {
			return nil, err
		}
		_, twice := files[clean]
		switch {
		case twice:
			return bad("entry %.200q is there twice", h.Name)
		case sparse(h):
			return bad("entry %.200q has holes", h.Name)
		case h.Size > end-offset:
			return bad("is cut off in entry %.200q", h.Name)
		}
		files[clean] = extent{offset, h.Size}
	}
}

// sparse reports whether what the archive has of a file is not the file itself.
func sparse(h *tar.Header) bool {
	for key := range h.PAXRecords {
		if strings.HasPrefix(key, "GNU.sparse.") {
			return true
		}
	}
	return h.Typeflag == tar.TypeGNUSparse
}

// cutPath returns the first element of a path and what follows it.
func cutPath(name string) (element, rest string) {
	element, rest, _ = strings.Cut(name, "/")
	return element, rest
}
