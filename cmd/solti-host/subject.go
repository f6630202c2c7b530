package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/soltihq/solti-host/host/task"
)

// A subjectError is an answer of the host about one task or plugin, which it names once, with the
// next step.
type subjectError struct {
	kind, name string // such as task, hello
	err        error
	next       string // the next step, where it does not follow from err
}

// aboutTask says which task err is about. Conditions of the host or the way to it are about none.
func aboutTask(name task.Name, err error) error { return about("task", string(name), err) }

func about(kind, name string, err error) error {
	if err == nil || name == "" || code(err) == exitInfra || errors.Is(err, errInterrupted) {
		return err
	}
	return &subjectError{kind: kind, name: name, err: err}
}

// Error returns what the host said, behind kind and name unless it begins with them.
func (e *subjectError) Error() string {
	subject, text := e.kind+" "+e.name, e.err.Error()
	if strings.HasPrefix(text, subject+" ") || strings.HasPrefix(text, subject+":") {
		return text
	}
	return subject + ": " + text
}

func (e *subjectError) Unwrap() error { return e.err }

// Hint is the next step.
func (e *subjectError) Hint() string {
	switch {
	case e.next != "":
		return e.next
	case errors.Is(e.err, task.ErrNotFound) && e.kind == "plugin":
		return `see "solti-host plugin list"`
	case errors.Is(e.err, task.ErrNotFound):
		return `see "solti-host list"`
	case errors.Is(e.err, task.ErrExists):
		return fmt.Sprintf(`change it with "solti-host apply", or make room with "solti-host delete %s"`, e.name)
	case errors.Is(e.err, task.ErrQueueFull):
		return "nothing was stored; try again when a task of the slot has ended"
	}
	return ""
}

// each does something to every task that is named, the next one also when the host has refused one.
// Its error tells nothing that was not told: it has the worst exit code.
func (a *app) each(names []string, do func(name task.Name) error) error {
	return a.all(len(names), func(i int) error {
		return aboutTask(task.Name(names[i]), do(task.Name(names[i])))
	})
}

// all does n things one after another and tells their errors as they come. It goes on after what is
// wrong with one of them alone. The error has the worst of the exit codes.
func (a *app) all(n int, do func(i int) error) error {
	worst := exitOK
	for i := range n {
		err := do(i)
		worst = max(worst, a.exit(err))
		if worst == exitInfra || errors.Is(err, errInterrupted) {
			break
		}
	}
	if worst != exitOK {
		return exitError(worst)
	}
	return nil
}
