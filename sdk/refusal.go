package sdk

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"google.golang.org/grpc/codes"

	pluginv1 "github.com/soltihq/solti-host/shared/proto/solti/plugin/v1"
)

// A Violation says what is wrong with one field.
type Violation struct {
	// Path of the field from the root of the workload's spec, such as args[1]. Empty means the spec
	// as a whole. The host shows it below spec.workload.spec; a path that begins with that is taken
	// as it is.
	Path    string
	Message string // what is wrong, and what would be right
}

// Violations collects everything that is wrong with a spec, so that its author reads all of it at
// once. It is an error like one of [InvalidSpec]; its zero value is ready to use.
type Violations []Violation

// Add notes one more violation.
func (v *Violations) Add(path, format string, args ...any) {
	*v = append(*v, Violation{Path: path, Message: fmt.Sprintf(format, args...)})
}

// Err returns v as an error, or nil if there is nothing wrong.
func (v Violations) Err() error {
	if len(v) == 0 {
		return nil
	}
	return v
}

func (v Violations) Error() string { return v.text(fullPath) }

func (v Violations) text(path func(string) string) string {
	parts := make([]string, len(v))
	for i, one := range v {
		parts[i] = strings.TrimPrefix(path(one.Path)+": "+one.Message, ": ")
	}
	return strings.Join(parts, "; ")
}

// specRoot is where a workload's spec hangs in a task.
const specRoot = "spec.workload.spec"

func fullPath(path string) string {
	switch {
	case path == "":
		return specRoot
	case path == specRoot, strings.HasPrefix(path, specRoot+"."), strings.HasPrefix(path, specRoot+"["):
		return path
	case path[0] == '[':
		return specRoot + path
	default:
		return specRoot + "." + path
	}
}

// A refusal is an error that reaches the host with a reason it can test.
type refusal struct {
	reason     pluginv1.Reason
	code       codes.Code
	retryable  bool
	retryAfter time.Duration
	violations Violations
	help       string
	err        error
}

func (r *refusal) Error() string { return r.err.Error() }
func (r *refusal) Unwrap() error { return r.err }

// InvalidSpec says that one field of the spec is wrong. Use [Violations] to report several.
// The path counts from the root of the workload's spec, as in [Violation].
func InvalidSpec(path, format string, args ...any) error {
	return Violations{{Path: path, Message: fmt.Sprintf(format, args...)}}
}

// MissingField says that a required field is not there.
func MissingField(path string) error {
	v := Violations{{Path: path, Message: "is required"}}
	return &refusal{
		reason: pluginv1.Reason_REASON_MISSING_FIELD, code: codes.InvalidArgument, violations: v, err: v,
	}
}

// UnsupportedKind says that the runner does not run tasks of this kind.
func UnsupportedKind(apiVersion, kind string) error {
	return &refusal{
		reason: pluginv1.Reason_REASON_UNSUPPORTED_KIND, code: codes.FailedPrecondition,
		err: fmt.Errorf("kind %s %s is not supported", apiVersion, kind),
	}
}

// IO says that reading, writing or starting something failed while a task was set up. The same
// request may succeed later. It returns nil for a nil error.
func IO(err error) error {
	if err == nil {
		return nil
	}
	return &refusal{
		reason: pluginv1.Reason_REASON_IO, code: codes.Unavailable, retryable: true, err: err,
	}
}

// Capacity says that the runner has no room now and will be worth asking again after the given time;
// zero leaves that to the host. It does not count as a failure of the task.
func Capacity(retryAfter time.Duration) error {
	return &refusal{
		reason: pluginv1.Reason_REASON_CAPACITY, code: codes.ResourceExhausted,
		retryable: true, retryAfter: retryAfter, err: errors.New("no room for another run"),
	}
}

// BackendDown says that what the runner depends on, such as a container engine, does not answer, and
// when to ask again; zero leaves that to the host. It returns nil for a nil error.
func BackendDown(err error, retryAfter time.Duration) error {
	if err == nil {
		return nil
	}
	return &refusal{
		reason: pluginv1.Reason_REASON_BACKEND_DOWN, code: codes.Unavailable,
		retryable: true, retryAfter: retryAfter, err: err,
	}
}
