package content

import (
	"errors"
	"fmt"
)

// ErrNotFound is wrapped by every error that means that a module is not in the store.
var ErrNotFound = errors.New("the module is not in the store")

// ErrChanged is wrapped by the error for a file that changed while it was read.
var ErrChanged = errors.New("the file changed while it was read")

// A DigestError says that bytes are not those that were asked for.
type DigestError struct {
	Source string // what was read
	Want   Digest
	Got    Digest
}

func (e *DigestError) Error() string {
	return fmt.Sprintf("%s is another file than the task names: its digest is %s, and not %s", e.Source, e.Got, e.Want)
}

// A SizeError says that something is larger than may be.
type SizeError struct {
	Source string
	Max    int64 // bytes
}

func (e *SizeError) Error() string {
	return fmt.Sprintf("%s: is larger than %d bytes, which is the most that is taken", e.Source, e.Max)
}

// A FileError says that a path does not name a file that can be taken.
type FileError struct {
	Path    string
	Problem string
}

func (e *FileError) Error() string { return e.Path + ": " + e.Problem }

// A LayoutError says that an OCI image layout or archive does not hold a module that can be taken. It is
// the source's own fault: trying again does not help.
type LayoutError struct {
	Path    string
	Problem string // what is wrong, and what to do
}

func (e *LayoutError) Error() string { return fmt.Sprintf("OCI layout %s: %s", e.Path, e.Problem) }
