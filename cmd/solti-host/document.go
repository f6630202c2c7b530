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
func (a *app) readOne(file string) (source, error) {
	all, err := a.sources([]string{file})
	if err != nil {
		return source{}, err
	}
	if n := len(all); n != 1 {
		return source{}, inDocument(file, task.FieldErrors{{Message: fmt.Sprintf("it holds %d tasks; put the one that is meant into a file of its own", n)}})
	}
	return all[0], nil
}

// A source is a task and the file that it comes from.
type source struct {
	file     string
	data     []byte // of the file
	document int    // its number in a file with several, from 1; 0 means that it is the only one
	task     *task.Task
}

// blame says which task err is about and where it comes from, with the lines of the fields at fault.
func (s source) blame(err error) error {
	err = inDocument(s.file, aboutTask(s.task.Metadata.Name, err))
	if d, ok := errors.AsType[*documentError](err); ok {
		d.document, d.data = s.document, s.data
	}
	return err
}

// sources reads all tasks of all files, or tells what is wrong with any of them.
func (a *app) sources(files []string) ([]source, error) {
	var all []source
	var errs []error
	for _, f := range files {
		data, tasks, err := a.decode(f)
		errs = append(errs, err)
		for i, t := range tasks {
			s := source{file: f, data: data, task: t}
			if len(tasks) > 1 {
				s.document = i + 1
			}
			all = append(all, s)
		}
	}
	return all, errors.Join(errs...)
}

// readAll reads all tasks in a file; "-" is standard input.
func (a *app) readAll(file string) ([]*task.Task, error) {
	_, tasks, err := a.decode(file)
	return tasks, err
}

// decode is readAll that keeps the text.
func (a *app) decode(file string) ([]byte, []*task.Task, error) {
	data, err := a.read(file)
	if err != nil {
		return nil, nil, err
	}
	tasks, err := task.DecodeAll(data)
	return data, tasks, inDocument(file, err)
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
	file     string
	data     []byte // as in a source; nil where lines are known, or not to be known
	document int    // as in a source
	err      error
}

// inDocument blames a file for err, if there is one and neither host nor machine are at fault.
func inDocument(file string, err error) error {
	if err == nil || code(err) == exitInfra || errors.Is(err, errInterrupted) {
		return err
	}
	return &documentError{file: file, err: err}
}

func (e *documentError) Error() string {
	file := e.file
	if file == "-" {
		file = "standard input"
	}
	if e.document > 0 {
		file += fmt.Sprintf(": document %d", e.document)
	}
	problems := task.Locate(e.data, max(e.document, 1), e.problems())
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
