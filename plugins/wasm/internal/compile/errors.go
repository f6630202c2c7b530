package compile

import (
	"fmt"
	"strings"

	"github.com/soltihq/solti-host/plugins/wasm/internal/module"
)

// A RefusedError says that a module is not one that is run. Trying again does not help.
type RefusedError struct {
	Reasons []string      // at least one
	Facts   *module.Facts // nil if it could not be read; shared, not to be changed
}

func (e *RefusedError) Error() string { return "the module " + strings.Join(e.Reasons, "; it ") }

// A Limit is one of those that compiling is bound by.
type Limit string

// Limits.
const (
	LimitCPU  Limit = "cpu"
	LimitWall Limit = "wall"
	LimitData Limit = "memory"
	LimitFile Limit = "file"
)

// A LimitError says that compiling a module took too much of something. Trying again does not help, unless
// the machine was busy and the limit is that of wall time.
type LimitError struct {
	Limit Limit
	Value string // the limit, as people write it

	Checking bool // it was not yet compiled
}

func (e *LimitError) Error() string {
	what := "compiling the module"
	if e.Checking {
		what = "checking the module"
	}
	switch e.Limit {
	case LimitCPU:
		return what + " took more than " + e.Value + " of processor time"
	case LimitWall:
		return what + " took more than " + e.Value
	case LimitFile:
		return "the module's native code is larger than " + e.Value
	default:
		return what + " took more than " + e.Value + " of memory"
	}
}

// A QueueError says that too many modules wait already. Trying again later helps.
type QueueError struct {
	Most int // may wait
}

func (e *QueueError) Error() string {
	return fmt.Sprintf("%d modules wait to be checked or compiled, and no more may (setting compile.queue); try again later", e.Most)
}

// A CrashError says that the child that was to compile a module did not. It says nothing about the module
// for certain.
type CrashError struct {
	Exit   string // how the child ended
	Detail string // its last words
}

func (e *CrashError) Error() string {
	text := "the process that compiles modules failed: " + e.Exit
	if detail := strings.TrimSpace(e.Detail); detail != "" {
		text += ": " + detail
	}
	return text
}
