//go:build unix && !linux

package script

import (
	"errors"
	"fmt"
	"os"
	"strconv"
)

// A File holds the body of one script for one attempt.
type File struct{ file *os.File }

// Naming says how an interpreter finds a file.
type Naming int

// ByChild is the only way here: through descriptor 3 of the task.
const ByChild Naming = 1

// ChildFD is the task's descriptor of the file.
const ChildFD = 3

// BestNaming returns the way that suits this process.
func BestNaming() Naming { return ByChild }

// New makes a file of body that has no name.
func New(body string, _ Naming) (*File, error) {
	file, err := os.CreateTemp("", "solti-script-*") // mode 0600
	if err != nil {
		return nil, fmt.Errorf("make a file for the script: %w", err)
	}
	name := file.Name()
	_, err = file.WriteString(body)
	read, openErr := os.Open(name)
	if err := errors.Join(err, openErr, file.Close(), os.Remove(name)); err != nil {
		if read != nil {
			_ = read.Close()
		}
		return nil, fmt.Errorf("write the script: %w", err)
	}
	return &File{file: read}, nil
}

// Path is what the interpreter is told to run.
func (f *File) Path() string { return "/dev/fd/" + strconv.Itoa(ChildFD) }

// File returns what the task must have as [ChildFD].
func (f *File) File() *os.File { return f.file }

// Close releases the file. What the interpreter has opened stays open to it.
func (f *File) Close() error { return f.file.Close() }
