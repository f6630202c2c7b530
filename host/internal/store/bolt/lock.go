package bolt

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// A lock is a file that says who has the directory open. The file stays when the lock is released: a
// lock on a file that somebody removes meanwhile would be worth nothing.
type lock struct {
	file *os.File
}

// acquire takes the lock, waiting at most so long for another process to let go of it.
func acquire(path string, wait time.Duration) (*lock, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock the state directory: %w", err)
	}
	for end := time.Now().Add(wait); ; time.Sleep(20 * time.Millisecond) {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			break
		}
		if busy := errors.Is(err, syscall.EWOULDBLOCK); !busy && !errors.Is(err, syscall.EINTR) {
			return nil, errors.Join(fmt.Errorf("lock %s: %w", path, err), f.Close())
		}
		if time.Now().After(end) {
			return nil, errors.Join(fmt.Errorf("%s: %w%s", path, ErrInUse, holder(f)), f.Close())
		}
	}
	l := &lock{file: f}
	if err := l.sign(); err != nil {
		return nil, errors.Join(fmt.Errorf("lock the state directory: %w", err), f.Close())
	}
	return l, nil
}

// ErrInUse says that another process has the state directory open.
var ErrInUse = errors.New("the state directory is in use by another host")

// sign writes the process id. A full disk is no reason not to have the lock.
func (l *lock) sign() error {
	if err := l.file.Truncate(0); err != nil {
		return err
	}
	_, err := l.file.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	if full(err) {
		return nil
	}
	return err
}

func holder(f *os.File) string {
	b, err := io.ReadAll(io.LimitReader(f, 32))
	pid, numErr := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil || numErr != nil {
		return ""
	}
	return fmt.Sprintf(" (pid %d)", pid)
}

func (l *lock) release() error { return l.file.Close() }
