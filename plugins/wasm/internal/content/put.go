package content

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"

	"github.com/soltihq/solti-host/plugins/wasm/internal/private"
)

// Put copies a module into the store and returns its digest. If want is not empty and not what the bytes
// have, nothing is stored and the error is a [*DigestError].
func (s *Store) Put(ctx context.Context, r io.Reader, want Digest) (Digest, error) {
	return s.put(ctx, r, want, "module", nil)
}

// PutFile copies a file into the store and returns its digest, as Put does. If the store has what is
// wanted already, the file is not looked at.
func (s *Store) PutFile(ctx context.Context, path string, want Digest) (Digest, error) {
	if want != "" {
		if file, err := s.Get(want); err == nil {
			return want, file.Close()
		}
	}
	file, err := openRegular(path)
	if err != nil {
		return "", err
	}
	defer func() { _ = file.Close() }()
	before, err := identify(file)
	if err != nil {
		return "", err
	}
	if before.size > s.module {
		return "", &SizeError{path, s.module}
	}
	return s.put(ctx, file, want, path, func() error {
		if after, err := identify(file); err != nil || after != before {
			return errors.Join(fmt.Errorf("%s: %w", path, ErrChanged), err)
		}
		return nil
	})
}

// put copies and hashes. Bytes that have the digest that was wanted are right whatever became of where
// they were from; otherwise check is asked.
func (s *Store) put(ctx context.Context, r io.Reader, want Digest, source string, check func() error) (Digest, error) {
	if want != "" && !want.valid() {
		_, err := ParseDigest(string(want))
		return "", err
	}
	draft, err := s.dir.Create()
	if err != nil {
		return "", fmt.Errorf("module store: %w", err)
	}
	defer draft.Discard()
	h := sha256.New()
	n, err := copyContext(ctx, io.MultiWriter(draft, h), io.LimitReader(r, s.module+1))
	if err != nil {
		return "", fmt.Errorf("copy %s into the store: %w", source, err)
	}
	if n > s.module {
		return "", &SizeError{source, s.module}
	}
	got := digestOf(h)
	switch {
	case want != "" && got != want:
		return "", &DigestError{source, want, got}
	case want == "" && check != nil:
		if err := check(); err != nil {
			return "", err
		}
	}
	if err := s.commit(draft, got); err != nil {
		return "", fmt.Errorf("module store: %w", err)
	}
	return got, s.account(got, n)
}

// commit makes a draft the module's file.
func (s *Store) commit(draft *private.Draft, d Digest) error {
	s.naming.Lock()
	defer s.naming.Unlock()
	return draft.Commit(d.Hex(), true)
}

// account notes a new file and makes room if there is too much.
func (s *Store) account(d Digest, size int64) error {
	const block = 4096
	s.mu.Lock()
	delete(s.verified, d)
	delete(s.lost, d)
	s.bytes += (size + block - 1) / block * block
	s.files++
	full := s.budget.Exceeded(s.bytes, s.files)
	s.mu.Unlock()
	if !full {
		return nil
	}
	if err := s.evict(d.Hex()); err != nil {
		return fmt.Errorf("module store: make room: %w", err)
	}
	return nil
}

// copyContext copies until the end of r or of ctx.
func copyContext(ctx context.Context, w io.Writer, r io.Reader) (int64, error) {
	buf := make([]byte, copyBuffer)
	var total int64
	for {
		if ctx.Err() != nil {
			return total, context.Cause(ctx)
		}
		n, err := r.Read(buf)
		if n > 0 {
			if _, err := w.Write(buf[:n]); err != nil {
				return total, err
			}
			total += int64(n)
		}
		switch {
		case errors.Is(err, io.EOF):
			return total, nil
		case err != nil:
			return total, err
		}
	}
}
