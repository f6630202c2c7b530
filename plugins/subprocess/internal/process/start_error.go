package process

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// A StartError says why a command could not be started.
type StartError struct {
	Name      string // the command
	Problem   string // what is wrong and what to do about it
	Permanent bool   // the same attempt will fail the same way until somebody changes something
	Err       error  // the cause
}

func (e *StartError) Error() string { return fmt.Sprintf("start %q: %s", e.Name, e.Problem) }

// Unwrap returns the cause.
func (e *StartError) Unwrap() error { return e.Err }

// permanent are the errors of fork and exec that come back until somebody changes something.
var permanent = []error{
	syscall.ENOENT, syscall.EACCES, syscall.EPERM, syscall.ENOTDIR, syscall.EISDIR, syscall.ELOOP,
	syscall.ENAMETOOLONG, syscall.ENOEXEC, syscall.E2BIG, syscall.EINVAL,
}

// startError explains why fork or exec of path failed. The kernel answers with one number for many
// causes, so the file system is asked which it was.
func startError(cmd *Command, path string, err error) *StartError {
	e := &StartError{Name: cmd.Name, Err: err}
	for _, one := range permanent {
		e.Permanent = e.Permanent || errors.Is(err, one)
	}
	if problem := dirProblem(cmd.Dir); problem != "" {
		e.Problem = problem
		return e
	}
	switch {
	case errors.Is(err, syscall.E2BIG):
		e.Problem = "arguments and environment are too long for the system together, or one of them is; pass large data by a file"
	case errors.Is(err, syscall.ENOEXEC):
		e.Problem = fmt.Sprintf("%s is no program for this machine and names no interpreter; begin it with a line like #!/bin/sh, or use script mode", path)
	case errors.Is(err, syscall.ENOENT), errors.Is(err, syscall.ENOTDIR):
		e.Problem = missing(cmd.Dir, path)
	case errors.Is(err, syscall.EACCES):
		e.Problem = forbidden(cmd.Dir, path)
	case errors.Is(err, syscall.EAGAIN), errors.Is(err, syscall.ENOMEM), errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE):
		e.Problem = fmt.Sprintf("the system has no room for another process now: %v", err)
	default:
		e.Problem = err.Error()
	}
	return e
}

// notInPath says that a name was not found.
func notInPath(cmd *Command) *StartError {
	return &StartError{
		Name: cmd.Name, Permanent: true, Err: syscall.ENOENT,
		Problem: fmt.Sprintf("not found in PATH %q; install it, give its absolute path, or set PATH in the task's env", cmd.Path),
	}
}

// dirProblem says what is wrong with a working directory, if anything is.
func dirProblem(dir string) string {
	if dir == "" {
		return ""
	}
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return fmt.Sprintf("working directory %s does not exist; create it or correct cwd", dir)
	case err != nil:
		return fmt.Sprintf("working directory cannot be used: %v", err)
	case !info.IsDir():
		return fmt.Sprintf("working directory %s is not a directory; correct cwd", dir)
	}
	if err := syscall.Access(dir, 1); err != nil {
		return fmt.Sprintf("working directory %s must not be entered: %v; allow it to uid %d or correct cwd", dir, err, os.Getuid())
	}
	return ""
}

func absolute(dir, path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join("/", dir, path)
}

// missing tells a program that is not there from one whose interpreter is not.
func missing(dir, path string) string {
	full := absolute(dir, path)
	if _, err := os.Stat(full); err != nil {
		return fmt.Sprintf("%s does not exist; install it or correct the command", full)
	}
	if interpreter := shebang(full); interpreter != "" {
		return fmt.Sprintf("its interpreter %s does not exist; install it or correct the first line of %s", interpreter, full)
	}
	return fmt.Sprintf("%s exists, but the loader it asks for does not; it may have been built for another system", full)
}

// forbidden tells why a program must not be executed.
func forbidden(dir, path string) string {
	full := absolute(dir, path)
	info, err := os.Stat(full)
	switch {
	case err == nil && info.IsDir():
		return fmt.Sprintf("%s is a directory", full)
	case err == nil && info.Mode()&0o111 == 0:
		return fmt.Sprintf("%s is not executable; use chmod +x, or script mode", full)
	case err == nil && shebang(full) != "":
		return fmt.Sprintf("%s or its interpreter %s must not be executed by uid %d", full, shebang(full), os.Getuid())
	default:
		return fmt.Sprintf("%s must not be executed by uid %d; check the modes of it and of its directories, and that its file system is not mounted noexec", full, os.Getuid())
	}
}

// shebang returns the interpreter that a file names in its first line.
func shebang(path string) string {
	file, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer func() { _ = file.Close() }()
	var head [256]byte
	n, _ := file.Read(head[:])
	line, ok := strings.CutPrefix(string(head[:n]), "#!")
	if !ok {
		return ""
	}
	line, _, _ = strings.Cut(line, "\n")
	if words := strings.Fields(line); len(words) > 0 {
		return words[0]
	}
	return ""
}
