package content

import (
	"crypto/sha256"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// verifyAgain is how long a file that stays the same is trusted. It is also how exactly the order is kept
// in which modules were used.
const verifyAgain = time.Hour

// verified says when a file was hashed, and which.
type verified struct {
	identity
	when time.Time
}

// An identity is what changes when a file's content does.
type identity struct {
	dev, ino uint64
	size     int64
	changed  unix.Timespec
}

// verify makes sure that the file holds what its name says, and returns errReplaced if it does not, but has lost that
// name. A file that was verified not long ago, and is the same as then, is not read again.
func (s *Store) verify(d Digest, file *os.File) error {
	now, err := identify(file)
	if err != nil {
		return err
	}
	s.mu.Lock()
	known := s.verified[d]
	s.mu.Unlock()
	if known.identity == now && time.Since(known.when) < verifyAgain {
		return nil
	}
	// Marked as used before it is read, because that changes the file too.
	_ = s.dir.Touch(d.Hex())
	if now, err = identify(file); err != nil {
		return err
	}
	h := sha256.New()
	if _, err := io.CopyBuffer(h, io.NewSectionReader(file, 0, now.size), make([]byte, copyBuffer)); err != nil {
		return err
	}
	if got := digestOf(h); got != d {
		return s.condemn(d, &DigestError{file.Name(), d, got}, func() bool {
			here, err := s.dir.Holds(d.Hex(), file)
			return here && err == nil
		})
	}
	s.remember(d, now)
	return nil
}

// remember notes that a file was hashed.
func (s *Store) remember(d Digest, is identity) {
	const most = 1 << 12
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.verified) >= most {
		clear(s.verified)
	}
	s.verified[d] = verified{is, time.Now()}
}

func identify(file *os.File) (identity, error) {
	var st unix.Stat_t
	if err := unix.Fstat(int(file.Fd()), &st); err != nil {
		return identity{}, &os.PathError{Op: "stat", Path: file.Name(), Err: err}
	}
	return identity{st.Dev, st.Ino, st.Size, st.Ctim}, nil
}
