package fence

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
)

// A Lock is an exclusive lock on a file. It belongs to the open file and not to a process: who
// inherits the file holds the lock as well, and it ends when the last of them has closed it or died.
type Lock struct{ File *os.File }

// ErrLocked says that somebody else holds a lock.
var ErrLocked = errors.New("locked by another process")

// TryLock takes the lock on the file at path, which it creates if needed, without waiting. If it is
// held, the error wraps ErrLocked.
func TryLock(path string) (*Lock, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, err
	}
	return lockOpen(f)
}

// lockOpen takes the lock on an open file, or closes it.
func lockOpen(f *os.File) (*Lock, error) {
	err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if err == nil {
		return &Lock{File: f}, nil
	}
	f.Close()
	if errors.Is(err, syscall.EWOULDBLOCK) {
		err = ErrLocked
	}
	return nil, fmt.Errorf("%s: %w", f.Name(), err)
}

// Close lets go of this process's share of the lock.
func (l *Lock) Close() error { return l.File.Close() }

// graceTries is how often a lock is tried before it counts as held, over some 60 ms: for a moment,
// every process that this one is just starting holds all of its files.
const graceTries = 5

// AwaitLock is TryLock with patience for what is just being started: some 60 ms.
func AwaitLock(path string) (*Lock, error) {
	pause := firstPause
	for try := 0; ; try++ {
		l, err := TryLock(path)
		if !errors.Is(err, ErrLocked) || try >= graceTries {
			return l, err
		}
		_ = sleep(context.Background(), pause)
		pause = min(2*pause, lastPause)
	}
}

// TakeLock takes the lock on the file at path and kills whoever holds it, until ctx ends.
func TakeLock(ctx context.Context, path string) (*Lock, error) {
	pause := firstPause
	for try := 0; ; try++ {
		l, err := TryLock(path)
		if !errors.Is(err, ErrLocked) {
			return l, err
		}
		if try >= graceTries {
			if err := killHolders(path); err != nil {
				return nil, err
			}
		}
		if sleepErr := sleep(ctx, pause); sleepErr != nil {
			return nil, fmt.Errorf("%w: %w", err, sleepErr)
		}
		pause = min(2*pause, lastPause)
	}
}

func killHolders(path string) error {
	holders, err := Holders(path)
	if err != nil {
		return err
	}
	for _, p := range holders {
		if err := signalExactly(p.PID, p.Start, syscall.SIGKILL); err != nil && !errors.Is(err, ErrGone) {
			return fmt.Errorf("%s: kill its holder %d: %w", path, p.PID, err)
		}
	}
	return nil
}
