package script

import (
	"errors"
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// A File holds the body of one script for one attempt.
type File struct {
	fd    int
	mode  Naming
	owner int
}

// Naming says how an interpreter finds a file.
type Naming int

// Ways to find a file.
const (
	ByOwner Naming = iota // through the plugin's descriptor
	ByChild               // through descriptor 3 of the task
)

// ChildFD is the task's descriptor of the file where it inherits one.
const ChildFD = 3

// BestNaming returns the way that suits this process.
func BestNaming() Naming {
	dumpable, err := unix.PrctlRetInt(unix.PR_GET_DUMPABLE, 0, 0, 0, 0)
	if err != nil || dumpable != 1 {
		return ByChild
	}
	if _, err := os.Stat("/proc/" + strconv.Itoa(os.Getpid()) + "/fd"); err != nil {
		return ByChild
	}
	return ByOwner
}

// New makes a file of body that nobody can change any more.
func New(body string, naming Naming) (*File, error) {
	fd, err := unix.MemfdCreate("solti-script", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return nil, fmt.Errorf("make memory for the script: %w", err)
	}
	f := &File{fd: fd, mode: naming, owner: os.Getpid()}
	if err := f.fill(body); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

func (f *File) fill(body string) error {
	data := []byte(body)
	for len(data) > 0 {
		n, err := unix.Write(f.fd, data)
		if err != nil && !errors.Is(err, unix.EINTR) {
			return fmt.Errorf("write the script: %w", err)
		}
		data = data[max(n, 0):]
	}
	const seals = unix.F_SEAL_SEAL | unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_WRITE
	if _, err := unix.FcntlInt(uintptr(f.fd), unix.F_ADD_SEALS, seals); err != nil {
		return fmt.Errorf("seal the script: %w", err)
	}
	// A descriptor that was written to stands at the end. Interpreters that are given the path open
	// it anew and start at 0; this is for those that duplicate what they are given.
	if _, err := unix.Seek(f.fd, 0, unix.SEEK_SET); err != nil {
		return fmt.Errorf("rewind the script: %w", err)
	}
	return nil
}

// Path is what the interpreter is told to run.
func (f *File) Path() string {
	if f.mode == ByChild {
		return "/proc/self/fd/" + strconv.Itoa(ChildFD)
	}
	return "/proc/" + strconv.Itoa(f.owner) + "/fd/" + strconv.Itoa(f.fd)
}

// Inherit returns the descriptor that the task must have as [ChildFD], and false if it needs none.
func (f *File) Inherit() (fd int, ok bool) { return f.fd, f.mode == ByChild }

// Close releases the file. What the interpreter has opened stays open to it.
func (f *File) Close() error { return unix.Close(f.fd) }
