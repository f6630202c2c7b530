package main

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/soltihq/solti-host/host/client"
	"github.com/soltihq/solti-host/host/task"
)

// readOne reads the one task in a file; "-" is standard input.
func (a *app) readOne(file string) (*task.Task, error) {
	data, err := a.read(file)
	if err != nil {
		return nil, err
	}
	t, err := task.Decode(data)
	return t, inDocument(file, err)
}

// readAll reads all tasks in a file; "-" is standard input.
func (a *app) readAll(file string) ([]*task.Task, error) {
	data, err := a.read(file)
	if err != nil {
		return nil, err
	}
	tasks, err := task.DecodeAll(data)
	return tasks, inDocument(file, err)
}

func (a *app) read(file string) ([]byte, error) {
	f, err := a.open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, task.MaxDocument+1)) // one more, for Decode to refuse
	if err != nil {
		return nil, misuseError{err: errors.New(fileError(file, err))}
	}
	return data, nil
}

// A documentError says what is wrong with a document, one problem a line, each behind the file's
// name.
type documentError struct {
	file string
	err  error
}

// inDocument blames a file for err, if there is one.
func inDocument(file string, err error) error {
	if err == nil {
		return nil
	}
	return &documentError{file, err}
}

func (e *documentError) Error() string {
	file := e.file
	if file == "-" {
		file = "standard input"
	}
	problems := e.problems()
	if len(problems) == 0 {
		return file + ": " + e.err.Error()
	}
	lines := make([]string, len(problems))
	for i, p := range problems {
		line := p.Line
		p.Line = 0
		lines[i] = file + ": " + p.Error()
		if line > 0 {
			lines[i] += fmt.Sprintf(" (line %d)", line)
		}
	}
	return strings.Join(lines, "\n")
}

// problems are the fields at fault, if err knows any.
func (e *documentError) problems() task.FieldErrors {
	if p, ok := errors.AsType[task.FieldErrors](e.err); ok {
		return p
	}
	if s, ok := errors.AsType[*client.StatusError](e.err); ok {
		return s.Causes
	}
	if t, ok := errors.AsType[*task.Error](e.err); ok {
		return t.Violations
	}
	return nil
}

func (e *documentError) Unwrap() error { return e.err }
